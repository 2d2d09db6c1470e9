"""MakeHuman's proxies hang on the base mesh by the ties in their files."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from shared.data.marionette.attachments import load_proxy
from shared.errors import InputError

MHCLO = """# a proxy
name cap
x_scale 0 1 2.0
verts 0
material cap.mhmat
0 1 2 0.5 0.25 0.25 0.1 0.2 0.3
3
2 1 0 0.2 0.3 0.5
0 1 3 1.0 0.0 0.0 0.0 0.0 0.0
delete_verts
0 - 3
"""
OBJ = """v 0 0 0
v 1 0 0
v 1 1 0
v 0 1 0
vt 0 0
vt 1 0
vt 1 1
vt 0 1
f 1/1 2/2 3/3 4/4
"""
BASE = np.array([[0, 0, 0], [4, 0, 0], [0, 2, 0], [0, 0, 3]], np.float32)


def make_proxy(folder, ties=MHCLO, surface=OBJ):
    folder.mkdir(exist_ok=True)
    (folder / f"{folder.name}.mhclo.gz").write_bytes(gzip.compress(ties.encode()))
    (folder / f"{folder.name}.obj.gz").write_bytes(gzip.compress(surface.encode()))
    return folder


def test_ties_are_barycentric_plus_a_scaled_offset(tmp_path):
    proxy = load_proxy(make_proxy(tmp_path / "cap"), vertices=4)
    fitted = proxy.map @ BASE + proxy.fitted_offset(BASE)
    # The base is 4 wide where the reference is 2, so offsets along x are doubled.
    wanted = [[1.0 + 0.2, 0.5 + 0.2, 0.3], [0, 0, 3], [1.2, 0.4, 0], [0, 0, 0]]
    assert np.allclose(fitted, wanted, atol=1e-6)


def test_a_fitted_proxy_follows_the_base(tmp_path):
    proxy = load_proxy(make_proxy(tmp_path / "hat"), vertices=4)
    shift = np.array([0.5, -1.0, 2.0], np.float32)
    moved = proxy.map @ (BASE + shift) + proxy.fitted_offset(BASE + shift)
    assert np.allclose(moved, proxy.map @ BASE + proxy.fitted_offset(BASE) + shift, atol=1e-5)


def test_quads_become_triangles(tmp_path):
    proxy = load_proxy(make_proxy(tmp_path / "quad"), vertices=4)
    assert proxy.triangles.tolist() == [[0, 1, 2], [0, 2, 3]]
    assert proxy.corners.tolist() == proxy.triangles.tolist()
    assert proxy.uv.shape == (4, 2)


def test_files_that_do_not_fit_are_refused(tmp_path):
    with pytest.raises(InputError, match="cannot read"):
        load_proxy(tmp_path / "nowhere")
    with pytest.raises(InputError, match="does not fit"):
        load_proxy(make_proxy(tmp_path / "small"), vertices=3)
    with pytest.raises(InputError, match="does not fit"):
        load_proxy(make_proxy(tmp_path / "empty", ties="verts 0\n"), vertices=4)
