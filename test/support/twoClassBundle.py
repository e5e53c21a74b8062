"""A bundle that looks for something else than the six: two classes, whose graphs count bright places instead of having
learned anything. It behaves like any other: features, gradients, heat maps, golden values.

usage: twoClassBundle.py FOLDER
"""

import base64
import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

CLASSES = ["spot", "large"]
# Per class: logits from the features of a slice, which are the shares of its places that are bright, and that are bone.
WEIGHTS = np.array([[2000.0, 0.0], [2000.0, 0.0]], np.float32)
BIAS = np.array([-28.0, -36.0], np.float32)
FLOAT, INT16, INT64 = TensorProto.FLOAT, TensorProto.INT16, TensorProto.INT64


def graph(name, nodes, inputs, outputs, **constants):
    """Inputs and outputs as (name, type, shape)."""
    ports = [[helper.make_tensor_value_info(*port) for port in side] for side in (inputs, outputs)]
    held = [numpy_helper.from_array(np.asarray(value), key) for key, value in constants.items()]
    made = helper.make_graph([helper.make_node(*node[:3], **node[3]) for node in nodes], name, *ports, held)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model, full_check=True)
    return model


def cnn():
    """Places of 8 × 8 pixels: bright when the mean is that of blood."""
    nodes = [
        ("Cast", ["hu"], ["raw"], {"to": FLOAT}),
        ("Unsqueeze", ["raw", "one"], ["image"], {}),
        ("AveragePool", ["image"], ["mean"], {"kernel_shape": [8, 8], "strides": [8, 8]}),
        ("Sub", ["mean", "low"], ["above"], {}),
        ("Clip", ["above", "zero", "unit"], ["over"], {}),
        ("Sub", ["high", "mean"], ["below"], {}),
        ("Clip", ["below", "zero", "unit"], ["under"], {}),
        ("Mul", ["over", "under"], ["bright"], {}),
        ("Sub", ["unit", "under"], ["bone"], {}),
        ("Concat", ["bright", "bone"], ["activations"], {"axis": 1}),
        ("ReduceMean", ["activations"], ["features"], {"axes": [2, 3], "keepdims": 0}),
        ("Gemm", ["features", "weights", "bias"], ["logits"], {"transB": 1}),
    ]
    return graph(
        "cnn",
        nodes,
        [("hu", INT16, ["N", "H", "W"])],
        [
            ("features", FLOAT, ["N", 2]),
            ("logits", FLOAT, ["N", 2]),
            ("activations", FLOAT, ["N", 2, "h", "w"]),
        ],
        one=np.array([1]),
        low=np.float32(54),
        high=np.float32(80),
        zero=np.float32(0),
        unit=np.float32(1),
        weights=WEIGHTS,
        bias=BIAS,
    )


STACK = [("features", FLOAT, ["S", 2]), ("logits", FLOAT, ["S", 2])]


def sequence():
    """Every slice for itself."""
    nodes = [("Identity", ["logits"], ["sequence_logits"], {})]
    return graph("sequence", nodes, STACK, [("sequence_logits", FLOAT, ["S", 2])])


def sequence_grad():
    """The gradient of a class by a slice's features is its row of the weights; only the slice itself has influence."""
    nodes = [
        ("Gather", ["all_weights", "target_class"], ["weights"], {"axis": 0}),
        ("Shape", ["features"], ["shape"], {}),
        ("Gather", ["shape", "first"], ["slices"], {"axis": 0}),
        ("OneHot", ["target_slice", "slices", "values"], ["influence"], {"axis": 0}),
    ]
    targets = [("target_slice", INT64, ["T"]), ("target_class", INT64, ["T"])]
    return graph(
        "sequence_grad",
        nodes,
        STACK + targets,
        [("weights", FLOAT, ["T", 2]), ("influence", FLOAT, ["S", "T"])],
        all_weights=WEIGHTS,
        first=np.array([0]),
        values=np.array([0, 1], np.float32),
    )


def stored(array):
    kind = "int16Base64" if array.dtype == np.int16 else "float32Base64"
    return {"shape": list(array.shape), kind: base64.b64encode(array.tobytes()).decode()}


def golden(folder):
    run = {
        name: onnxruntime.InferenceSession(folder / f"{name}.onnx").run for name in ("cnn", "sequence", "sequence_grad")
    }
    hu = np.random.default_rng(1).normal(60, 10, (3, 64, 64)).astype(np.int16)
    features, logits = run["cnn"](["features", "logits"], {"hu": hu})
    stack = {"features": features, "logits": logits}
    (sequence_logits,) = run["sequence"](["sequence_logits"], stack)
    slices, classes = np.array([0, 2]), np.array([1, 0])
    (weights,) = run["sequence_grad"](["weights"], stack | {"target_slice": slices, "target_class": classes})
    return {
        "cnn": {"hu": stored(hu), "features": stored(features), "logits": stored(logits)},
        "sequence": {
            "features": stored(features),
            "logits": stored(stack["logits"]),
            "sequenceLogits": stored(sequence_logits),
        },
        "sequenceGrad": {
            "targetSlice": slices.tolist(),
            "targetClass": classes.tolist(),
            "weights": stored(weights),
        },
        "toleranceAbsolute": 1e-3,
    }


def target_class(name, meaning, short, abbreviation):
    """Its codes are those that PS3.16 has for such things, so that validators know them."""
    return {
        "name": name,
        "meaning": meaning,
        "short": short,
        "abbreviation": abbreviation,
        "finding": {"value": "52988006", "scheme": "SCT", "meaning": "Lesion"},
        "site": {"value": "69536005", "scheme": "SCT", "meaning": "Head"},
        "unit": "1",
    }


TARGET = {
    "name": "bright spots",
    "general": "spot",
    "code": "SPOT",
    "decides": "spot",
    "classes": [
        target_class("spot", "Bright spot", "Spot", "Spot"),
        target_class("large", "Large bright spot", "Large", "Big"),
    ],
}


def plain(path):
    data = path.read_bytes()
    return {"path": path.name, "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}


def file_of(folder, name):
    def ports(side):
        return [
            {
                "name": port.name,
                "type": {FLOAT: "float32", INT16: "int16", INT64: "int64"}[port.type.tensor_type.elem_type],
                "shape": [dim.dim_param or dim.dim_value for dim in port.type.tensor_type.shape.dim],
            }
            for port in side
        ]

    made = onnx.load(folder / name).graph
    return plain(folder / name) | {"inputs": ports(made.input), "outputs": ports(made.output)}


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for name, model in (("cnn", cnn()), ("sequence", sequence()), ("sequence_grad", sequence_grad())):
        onnx.save(model, folder / f"{name}.onnx")
    (folder / "golden.json").write_text(json.dumps(golden(folder)))
    (folder / "MODEL_CARD.md").write_text("Counts bright places. Of no use to anybody.\n")
    manifest = {
        "schema": "ichor-bundle/1",
        "name": "bright-spots",
        "version": "1.0.0",
        "variant": "counting",
        "classes": CLASSES,
        "target": TARGET,
        "files": {
            "cnn": file_of(folder, "cnn.onnx"),
            "sequence": file_of(folder, "sequence.onnx"),
            "sequenceGrad": file_of(folder, "sequence_grad.onnx"),
            "golden": plain(folder / "golden.json"),
            "modelCard": plain(folder / "MODEL_CARD.md"),
        },
        "preprocessing": {
            "windows": [{"name": "none", "centerHu": 40, "widthHu": 80}],
            "resize": {
                "rows": 8,
                "columns": 8,
                "method": "bilinear",
                "halfPixelCentres": True,
                "antialias": False,
            },
            "normalisation": {"mean": [0.0], "standardDeviation": [1.0]},
        },
        "selector": {"kind": "none", "count": 0},
        "gradCam": "sequence",
        "calibration": {"temperature": [1.0, 1.0]},
        "thresholds": {
            "default": "balanced",
            "sets": {"balanced": {"spot": 0.5, "large": 0.5}, "strict": {"spot": 0.5, "large": 0.99}},
            "source": "chosen by hand",
        },
        "outOfDomain": None,
        "training": [{"name": "nothing", "licence": "CC0-1.0", "attribution": "none"}],
        "metrics": {},
        "intendedUse": "Tests of Ichor.",
        "limits": ["It counts bright places."],
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
