"""Expected values of MATLAB files, read with h5py and SciPy.

    python tests/golden/make_mat_golden.py $SEMDEPTH_REAL_DATA > fixtures/golden/mat_values.json

Needs h5py, numpy and scipy. Holds class, dimensions, the sum, the first values in column-major order and texts of every
value; values that the readers refuse are listed with their class.
"""

import json
import sys
from pathlib import Path

import h5py
import numpy as np
import scipy.io

FIRST = 6


def numeric(cls, dims, column_major):
    flat = np.asarray(column_major)
    as_float = flat.astype(np.float64)
    return {
        "class": cls,
        "dims": [int(d) for d in dims],
        "n_nan": int(np.isnan(as_float).sum()),
        "sum": float(np.nansum(as_float)),
        "first": [None if np.isnan(x) else float(x) for x in as_float[:FIRST]],
    }


def char(dims, units):
    units = np.asarray(units, dtype=np.uint16)
    text = units.astype("<u2").tobytes().decode("utf-16-le")
    return {"class": "char", "dims": [int(d) for d in dims], "text": text}


def refused(cls):
    return {"class": cls, "refused": True}


# ---- MAT 7.3 ----------------------------------------------------------------------------------------------------


def attribute(item, name):
    value = item.attrs.get(name)
    return value.decode() if isinstance(value, bytes) else value


def walk73(file, name, item, out):
    cls = attribute(item, "MATLAB_class")
    if "MATLAB_sparse" in item.attrs or "MATLAB_object_decode" in item.attrs or cls == "function_handle":
        out[name] = refused(cls)
        return
    if isinstance(item, h5py.Group):
        out[name] = {"class": "struct", "dims": None, "fields": sorted(item.keys())}
        for field in item:
            member = item[field]
            is_array = isinstance(member, h5py.Dataset) and member.dtype == object and "MATLAB_class" not in member.attrs
            if is_array:
                out[name]["dims"] = list(member.shape[::-1])
                for i, reference in enumerate(member[()].ravel()):
                    walk73(file, f"{name}.{field}{{{i + 1}}}", file[reference], out)
            else:
                out[name]["dims"] = [1, 1]
                walk73(file, f"{name}.{field}", member, out)
        return
    if item.attrs.get("MATLAB_empty") == 1:
        dims = [int(d) for d in item[()]]
        if cls == "canonical empty":
            cls = "double"
        out[name] = {
            "cell": {"class": "cell", "dims": dims},
            "struct": {"class": "struct", "dims": dims, "fields": []},
            "char": {"class": "char", "dims": dims, "text": ""},
        }.get(cls) or numeric(cls, dims, [])
        return
    dims = item.shape[::-1]
    if item.dtype.names:
        out[name] = refused(cls)
    elif cls == "cell":
        out[name] = {"class": "cell", "dims": list(dims)}
        for i, reference in enumerate(item[()].ravel()):
            walk73(file, f"{name}{{{i + 1}}}", file[reference], out)
    elif cls == "char":
        out[name] = char(dims, item[()].ravel())
    else:
        # HDF5's slowest-first order of the reversed shape is MATLAB's column-major order.
        out[name] = numeric(cls, dims, item[()].ravel())


def read73(path):
    out = {}
    with h5py.File(path, "r") as file:
        for name in file:
            if name not in ("#refs#", "#subsystem#"):
                walk73(file, name, file[name], out)
    return out


# ---- MAT 5 ------------------------------------------------------------------------------------------------------

CLASSES = {"f8": "double", "f4": "single", "b1": "logical"} | {
    f"{kind}{size}": f"{'u' * (kind == 'u')}int{8 * size}" for kind in "iu" for size in (1, 2, 4, 8)
}


def walk5(name, value, out):
    if value.dtype.names:
        out[name] = {"class": "struct", "dims": list(value.shape), "fields": sorted(value.dtype.names)}
        for field in value.dtype.names:
            for i, element in enumerate(value.ravel(order="F")):
                path = f"{name}.{field}" if value.size == 1 else f"{name}.{field}{{{i + 1}}}"
                walk5(path, element[field], out)
    elif value.dtype == object:
        out[name] = {"class": "cell", "dims": list(value.shape)}
        for i, element in enumerate(value.ravel(order="F")):
            walk5(f"{name}{{{i + 1}}}", element, out)
    elif value.dtype.kind == "U":
        # With chars_as_strings=False every element is one character.
        units = [ord(c) if c else 32 for c in value.ravel(order="F")]
        out[name] = char(value.shape, units)
    else:
        out[name] = numeric(CLASSES[value.dtype.str[1:]], value.shape, value.ravel(order="F"))


def read5(path):
    out = {}
    # mat_dtype gives the class of a variable rather than the type it is stored in.
    for name, value in scipy.io.loadmat(path, chars_as_strings=False, mat_dtype=True).items():
        if not name.startswith("__"):
            walk5(name, value, out)
    return out


def main():
    root = Path(sys.argv[1])
    golden = {}
    for pattern, read in [
        ("mat_v73/*.mat", read73),
        ("mat_v5/*.mat", read5),
        ("nyuv2_meta/*.mat", read5),
        ("nyuv2_mini_mat/splits_mini.mat", read5),
    ]:
        for path in sorted(root.glob(pattern)):
            golden[path.relative_to(root).as_posix()] = read(path)
    json.dump(golden, sys.stdout, indent=None, separators=(",", ":"), ensure_ascii=True)
    sys.stdout.write("\n")


main()
