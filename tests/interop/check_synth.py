"""The MAT files and KITTI trees that sdprep makes are what h5py, SciPy and Pillow expect of the originals.

Usage: check_synth.py path/to/sdprep
"""
import pathlib
import subprocess
import sys
import tempfile

import h5py
import numpy as np
from PIL import Image
from scipy.io import loadmat

N, H, W = 6, 60, 80


def text(file: h5py.File, reference) -> str:
    return "".join(map(chr, file[reference][:, 0]))


def check_mat(sdprep: str, root: pathlib.Path) -> None:
    mat = root / "nyu_depth_v2_labeled.mat"
    subprocess.run([sdprep, "synth", "indoor", "--count", str(N), "--height", str(H), "--width", str(W),
                    "--as", "nyu-mat", "--out", mat, "--quiet"], check=True, stdout=subprocess.DEVNULL)
    block = mat.read_bytes()[:520]
    assert block[:19] == b"MATLAB 7.3 MAT-file" and block[124:128] == b"\0\2IM" and block[512:516] == b"\x89HDF"
    with h5py.File(mat, "r") as f:
        assert f.userblock_size == 512
        expected = {"#refs#", "#subsystem#", "accelData", "depths", "images", "instances", "labels", "names",
                    "namesToIds", "rawDepthFilenames", "rawDepths", "rawRgbFilenames", "sceneTypes", "scenes"}
        assert set(f) == expected, set(f) ^ expected
        shapes = {"images": (N, 3, W, H), "depths": (N, W, H), "rawDepths": (N, W, H), "labels": (N, W, H),
                  "instances": (N, W, H), "accelData": (4, N), "names": (1, 894), "scenes": (1, N)}
        for name, shape in shapes.items():
            assert f[name].shape == shape, (name, f[name].shape)
        kinds = {"images": ("u1", b"uint8"), "depths": ("<f4", b"single"), "labels": ("<u2", b"uint16")}
        for name, (dtype, kind) in kinds.items():
            data = f[name]
            assert data.dtype == dtype and data.attrs["MATLAB_class"] == kind
            assert (data.compression, data.compression_opts, data.shuffle) == ("gzip", 3, False)
        names = [text(f, r) for r in f["names"][0]]
        assert names[:2] == ["book", "bottle"] and names[20] == "wall", names[:21]
        assert text(f, f["sceneTypes"][0, 0]) == "living_room"
        depths, raw, labels, instances = (f[k][:] for k in ("depths", "rawDepths", "labels", "instances"))
        assert depths.min() > 0.1 and depths.max() < 10
        holes = raw == 0
        assert 0.01 < holes.mean() < 0.4 and (raw[~holes] == depths[~holes]).all()
        assert labels.min() >= 1 and labels.max() <= 894
        for frame in range(N):
            for label in np.unique(labels[frame]):
                found = np.unique(instances[frame][labels[frame] == label])
                assert (found == np.arange(1, len(found) + 1)).all(), (frame, label, found)
        assert f["namesToIds"][0, 0] == 0xDD000000
    splits = loadmat(root / "splits.mat")
    train, test = splits["trainNdxs"], splits["testNdxs"]
    assert train.dtype == test.dtype or train.dtype.kind == "u"
    assert train.shape[1] == test.shape[1] == 1 and test[0, 0] == 1
    assert sorted([*train[:, 0], *test[:, 0]]) == list(range(1, N + 1))


def calibration(path: pathlib.Path) -> dict[str, np.ndarray]:
    numbers = {}
    for line in path.read_text().splitlines():
        key, value = line.split(":", 1)
        try:
            numbers[key] = np.array([float(v) for v in value.split()])
        except ValueError:
            pass
    return numbers


def check_kitti(sdprep: str, root: pathlib.Path) -> None:
    subprocess.run([sdprep, "synth", "road", "--count", "3", "--height", "188", "--width", "621", "--as", "kitti",
                    "--out", root, "--quiet"],
                   check=True, stdout=subprocess.DEVNULL)
    drive = "2011_09_26_drive_0001_sync"
    cam, velo = (calibration(root / f"2011_09_26/calib_{n}.txt") for n in ("cam_to_cam", "velo_to_cam"))
    points = np.fromfile(root / f"2011_09_26/{drive}/velodyne_points/data/0000000001.bin", "<f4").reshape(-1, 4)
    assert 30_000 < len(points) < 130_000 and 0 <= points[:, 3].min() and points[:, 3].max() <= 0.99
    lists = (root / "eigen_test_files_with_gt.txt").read_text()
    assert "None" in lists and not lists.endswith("\n")
    # The Eigen protocol, as spelled out in KITTI's development kit.
    points = points[points[:, 0] >= 0].astype(np.float64)
    points[:, 3] = 1
    rigid, rectify = np.eye(4), np.eye(4)
    rigid[:3, :3], rigid[:3, 3] = velo["R"].reshape(3, 3), velo["T"]
    rectify[:3, :3] = cam["R_rect_00"].reshape(3, 3)
    p = points @ (cam["P_rect_02"].reshape(3, 4) @ rectify @ rigid).T
    u, v = (np.round(p[:, i] / p[:, 2]) - 1 for i in (0, 1))
    width, height = cam["S_rect_02"]
    keep = (u >= 0) & (v >= 0) & (u < width) & (v < height)
    sparse = np.full((int(height), int(width)), np.inf)
    np.minimum.at(sparse, (v[keep].astype(int), u[keep].astype(int)), p[keep, 2])
    sparse[np.isinf(sparse)] = 0
    stored = {}
    for kind in ("velodyne_raw", "groundtruth"):
        picture = Image.open(root / f"train/{drive}/proj_depth/{kind}/image_02/0000000001.png")
        assert picture.size == (int(width), int(height))
        stored[kind] = np.asarray(picture).astype(np.float64) / 256
    assert np.abs(stored["velodyne_raw"] - sparse).max() <= 1 / 256
    annotated = stored["groundtruth"]
    assert 0.09 < (annotated > 0).mean() < 0.22 and not annotated[:58].any()
    both = (annotated > 0) & (sparse > 0)
    close = np.abs(annotated - sparse)[both] < 0.02 * annotated[both] + 0.02
    assert both.sum() > 1000 and close.mean() > 0.85, (both.sum(), close.mean())


with tempfile.TemporaryDirectory() as folder:
    check_mat(sys.argv[1], pathlib.Path(folder) / "mat")
    check_kitti(sys.argv[1], pathlib.Path(folder) / "kitti")
print("synth: h5py, SciPy and Pillow read what sdprep made")
