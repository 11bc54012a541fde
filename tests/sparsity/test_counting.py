"""Parameter and FLOP counts against numbers worked by hand and TensorFlow's own profiler."""

import pytest
import tensorflow as tf
from tf_agents.networks import q_network
from tf_agents.specs import tensor_spec

from rigl_rl.sparsity.counting import Layer, count, from_keras, train_step_flops
from rigl_rl.sparsity.distributions import layer_sparsities

from .worked_cases import NETS

CARTPOLE, NATURE = NETS["cartpole"], NETS["nature"]
# On 84x84x4 with 'same' padding: 84/4 = 21, 21/2 -> 11, 11x11x64 = 7744.
NATURE_POSITIONS = {"c1": 441, "c2": 121, "c3": 121}
NATURE_LAYERS = [Layer(name, shape, NATURE_POSITIONS.get(name)) for name, shape in NATURE.items()]


def _nature_cnn(use_bias=True, activation="relu"):
    conv, dense = tf.keras.layers.Conv2D, tf.keras.layers.Dense
    options = {"use_bias": use_bias, "activation": activation}
    return tf.keras.Sequential(
        [
            tf.keras.Input((84, 84, 4)),
            conv(32, 8, strides=4, padding="same", **options),
            conv(64, 4, strides=2, padding="same", **options),
            conv(64, 3, strides=1, padding="same", **options),
            tf.keras.layers.Flatten(),
            dense(512, **options),
            dense(6, use_bias=use_bias),
        ]
    )


def _profiled_flops(function, *specs):
    """Operations in matrix products and convolutions according to TensorFlow's profiler."""
    graph = tf.function(function).get_concrete_function(*specs).graph
    options = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
    options["output"] = "none"
    node = tf.compat.v1.profiler.profile(graph, cmd="op", options=options)
    flops = 0
    while True:  # the 'op' view is a chain with one node per type of operation
        if node.name in ("MatMul", "Conv2D"):
            flops += node.float_ops
        if not node.children:
            return flops
        (node,) = node.children


def test_nature_cnn_by_hand():
    found = count(NATURE_LAYERS)
    # 8192 + 32768 + 36864 + 3964928 + 3072 weights, 32 + 64 + 64 + 512 + 6 biases
    assert found.total_params == found.active_params == 4045824 + 678
    # 2 x (8192 x 441 + 32768 x 121 + 36864 x 121 + 3964928 + 3072)
    assert found.flops == found.dense_flops == 32012288
    assert found.sparsity == 0


def test_cartpole_at_90_percent_by_hand():
    found = count(CARTPOLE, layer_sparsities(CARTPOLE, 0.9))
    assert found.active == {"a": 2048, "b": 23451, "c": 1024}
    assert found.active_params == 26523 + 512 + 512 + 2
    assert found.total_params == 266242
    assert found.flops == 2 * 26523
    assert found.dense_flops == 2 * 265216
    assert found.sparsity == pytest.approx(1 - 26523 / 265216, abs=1e-12)


def test_erk_costs_about_twice_uniform_on_nature_cnn_and_the_same_on_an_mlp():
    """Appendix A.2 and Figure 7."""

    def flops(method, shapes, layers):
        return count(layers, layer_sparsities(shapes, 0.9, method)).flops

    erk = flops("erdos_renyi_kernel", NATURE, NATURE_LAYERS)
    assert erk == 2 * (2444 * 441 + 4887 * 121 + 6296 * 121 + 387889 + 3072)
    assert 1.5 < erk / flops("uniform", NATURE, NATURE_LAYERS) < 2.2
    mlp = flops("erdos_renyi_kernel", CARTPOLE, CARTPOLE)
    assert mlp == pytest.approx(flops("uniform", CARTPOLE, CARTPOLE), rel=2e-4)


def test_forward_flops_agree_with_the_profiler():
    model = _nature_cnn(use_bias=False, activation=None)
    profiled = _profiled_flops(model, tf.TensorSpec((1, 84, 84, 4)))
    assert count(from_keras(model)).flops == profiled == 32012288


def test_valid_padding_and_odd_sizes_agree_with_the_profiler():
    model = tf.keras.Sequential(
        [
            tf.keras.Input((17, 23, 3)),
            tf.keras.layers.Conv2D(5, (3, 4), strides=(2, 3)),  # 8 x 7 positions
            tf.keras.layers.Conv2D(6, 2, dilation_rate=2),  # 6 x 5 positions
            tf.keras.layers.Flatten(),
            tf.keras.layers.Dense(2),
        ]
    )
    layers = from_keras(model)
    assert [layer.output_positions for layer in layers] == [56, 30, 1]
    by_hand = 2 * (180 * 56 + 120 * 30 + 360)
    assert count(layers).flops == by_hand
    # TensorFlow cuts a dilated convolution's input into padded pieces and computes 36 positions for
    # these 30, so only the plain convolution is put to the profiler.
    plain = tf.keras.Sequential([tf.keras.Input((17, 23, 3)), model.layers[0]])
    assert count(from_keras(plain)).flops == _profiled_flops(plain, tf.TensorSpec((1, 17, 23, 3)))


def test_dqn_train_step_agrees_with_the_profiler():
    def network():
        hidden = [tf.keras.layers.Dense(512, activation="relu") for _ in range(2)]
        return tf.keras.Sequential([tf.keras.Input((4,)), *hidden, tf.keras.layers.Dense(2)])

    online, target = network(), network()

    def step(observation, next_observation):
        value = tf.reduce_max(target(next_observation), axis=-1)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((value - online(observation)[:, 0]) ** 2)
        return tape.gradient(loss, online.trainable_variables)

    spec = tf.TensorSpec((128, 4))
    profiled = _profiled_flops(step, spec, spec)
    assert train_step_flops(CARTPOLE, 128) == profiled
    # 128 x 2 x (4 x 265216 - 2048): two forward passes and two products backwards per layer, but
    # no gradient of the observation.
    assert profiled == 128 * 2 * (4 * 265216 - 2048)
    assert train_step_flops(CARTPOLE, 128, forward_passes=1) == 128 * 2 * (3 * 265216 - 2048)


def test_from_keras_reads_shapes_positions_biases_and_names():
    layers = from_keras(_nature_cnn())
    assert [layer.kernel_shape for layer in layers] == list(NATURE.values())
    assert [layer.output_positions for layer in layers] == [441, 121, 121, 1, 1]
    found = count(layers)
    assert (found.total_params, found.flops) == (4046502, 32012288)
    assert count(from_keras(_nature_cnn(use_bias=False))).total_params == 4045824


def test_from_keras_agrees_with_keras_on_a_nested_model():
    inner = tf.keras.Sequential(
        [tf.keras.layers.Dense(7), tf.keras.layers.Dense(5, use_bias=False)]
    )
    inputs = tf.keras.Input((3,))
    model = tf.keras.Model(inputs, tf.keras.layers.Dense(2)(inner(inputs)))
    found = count(from_keras(model))
    assert found.total_params == model.count_params()
    assert found.flops == 2 * (3 * 7 + 7 * 5 + 5 * 2)


def test_from_keras_on_a_tf_agents_network():
    network = q_network.QNetwork(
        tensor_spec.TensorSpec((84, 84, 4), tf.float32),
        tensor_spec.BoundedTensorSpec((), tf.int32, 0, 5),
        conv_layer_params=[(32, 8, 4)],  # TF-Agents pads 'valid': 20 x 20 positions
        fc_layer_params=(16,),
    )
    network.create_variables()
    layers = from_keras(network)
    assert [layer.output_positions for layer in layers] == [400, 1, 1]
    found = count(layers)
    assert found.flops == 2 * (8192 * 400 + 12800 * 16 + 16 * 6)
    assert found.total_params == sum(int(tf.size(v)) for v in network.trainable_variables)


def test_active_numbers_of_masks_take_the_place_of_sparsities():
    found = count(CARTPOLE, active={"a": 5, "b": 7, "c": 11})
    assert (found.active_params, found.flops) == (23 + 1026, 46)
    # A kernel that is not named is dense.
    assert count(CARTPOLE, active={"b": 0}).active == {"a": 2048, "b": 0, "c": 1024}
    assert count(CARTPOLE, {"b": 0.5}).active == {"a": 2048, "b": 131072, "c": 1024}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: count(CARTPOLE, {"zz": 0.5}), "no layer 'zz'.*'a', 'b', 'c'"),
        (lambda: count(CARTPOLE, {"a": 1.2}), r"sparsity 1.2 of layer 'a' is outside \[0, 1\]"),
        (lambda: count(CARTPOLE, active={"a": 2049}), "2049 active weights in layer 'a' of 2048"),
        (lambda: count(NATURE), "'c1'.*needs output_positions"),
        (lambda: count([]), "nothing to count"),
        (lambda: count([Layer("a", (2, 3)), Layer("a", (3, 4))]), "two layers of one name"),
        (lambda: Layer("bias", (3,)), r"'bias' \(3,\): expected"),
    ],
)
def test_refuses_what_it_cannot_count(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_from_keras_refuses_a_convolution_of_unknown_size():
    model = tf.keras.Sequential([tf.keras.Input((None, None, 3)), tf.keras.layers.Conv2D(4, 3)])
    with pytest.raises(ValueError, match="unknown sizes"):
        from_keras(model)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (tf.keras.layers.LSTM(4), (5, 3)),
        (tf.keras.layers.LocallyConnected1D(4, 3), (10, 16)),
        (tf.keras.layers.Conv2DTranspose(4, 3), (8, 8, 3)),
        (tf.keras.layers.SeparableConv1D(4, 3), (10, 16)),
        (tf.keras.layers.EinsumDense("ab,bc->ac", 4), (16,)),
    ],
    ids=lambda each: type(each).__name__,
)
def test_from_keras_refuses_other_kinds_of_layers(layer, shape):
    model = tf.keras.Sequential([tf.keras.Input(shape), layer])
    with pytest.raises(ValueError, match="not to Dense, Conv1D"):
        from_keras(model)
