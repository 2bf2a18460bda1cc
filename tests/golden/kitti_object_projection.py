"""Depth of a frame of the object benchmark by the Eigen protocol, written for NumPy without looking at ours.

usage: python kitti_object_projection.py KITTI_OBJECT FRAME -> number of measured pixels and the sum of their metres
"""

import sys

import numpy as np
from PIL import Image

root, frame = sys.argv[1:]
calib = {}
for line in open(f"{root}/calib/{frame}.txt"):
    key, _, value = line.partition(":")
    calib[key] = np.array(value.split(), float)
width, height = Image.open(f"{root}/image_2/{frame}.png").size
rectify, velo = np.eye(4), np.eye(4)
rectify[:3, :3] = calib["R0_rect"].reshape(3, 3)
velo[:3] = calib["Tr_velo_to_cam"].reshape(3, 4)
points = np.fromfile(f"{root}/velodyne/{frame}.bin", "<f4").reshape(-1, 4).astype(float)
points = points[points[:, 0] >= 0]
points[:, 3] = 1
u, v, z = calib["P2"].reshape(3, 4) @ rectify @ velo @ points.T
u, v = np.round(u / z) - 1, np.round(v / z) - 1
inside = (u >= 0) & (u < width) & (v >= 0) & (v < height)
depth = np.full((height, width), np.inf)
np.minimum.at(depth, (v[inside].astype(int), u[inside].astype(int)), z[inside])
depth = np.where((depth < 0) | np.isinf(depth), 0, depth).astype("f4")
print((depth > 0).sum(), repr(depth.astype("f8").sum()))
