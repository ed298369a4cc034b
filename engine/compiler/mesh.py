"""Mesh: the devices that share the examples of a step, in one process or in many."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ..arguments import shown, whole
from .arrays.xla import installed

OnHost = Any  # an array of NumPy's, of whatever numbers
OnDevice = Any  # a number or an array of JAX's, or what it traces in place of one
AXIS = "examples"
MORE = (
    "of a processor XLA_FLAGS=--xla_force_host_platform_device_count={n} in the environment makes so many, as does "
    'jax.config.update("jax_num_cpu_devices", {n}) before JAX is first used; other machines join by '
    "jax.distributed.initialize()"
)


class Mesh:
    """Devices that share the examples of each step: every one computes the gradient of its part, and all add them up.

    Args:
        who: the function that was called, for messages.
        devices: how many; "all" that JAX has, those of other processes too; or a `jax.sharding.Mesh`, all of whose axes
            share examples.

    Attributes:
        count: how many devices there are.
        here: which of them are this process's, as numbers from 0.
        process, processes: the number of this process, and how many there are.

    Raises:
        TypeError, ValueError: devices is none of these, more than there are, or some process has none or fewer.
    """

    def __init__(self, who: str, devices: object) -> None:
        jax = installed()
        self._mesh = devices if isinstance(devices, jax.sharding.Mesh) else _found(who, devices)
        self.process, self.processes = jax.process_index(), jax.process_count()
        flat = list(self._mesh.devices.flat)
        self.count, self.axes = len(flat), tuple(self._mesh.axis_names)
        self.here = [k for k, device in enumerate(flat) if device.process_index == self.process]
        self._local = [flat[k] for k in self.here]
        owned = [sum(d.process_index == p for d in flat) for p in range(self.processes)]
        if len(set(owned)) > 1:
            raise ValueError(
                f"{who} takes a mesh with as many devices of each of {self.processes} processes, got {owned}; "
                'mesh="all" takes all there are'
            )

    def __str__(self) -> str:
        devices, processes = f"{self.count} device{'s' * (self.count > 1)}", f"process{'es' * (self.processes > 1)}"
        return f"{devices} of {self.processes} {processes}"

    def check_batch(self, who: str, batch: int, examples: int) -> None:
        """Raise a ValueError where the devices cannot share a batch evenly, unless it is all there is."""
        if batch % self.count and batch < examples:
            below, over = batch // self.count * self.count, -(-batch // self.count) * self.count
            raise ValueError(
                f"{who} takes a batch that {self.count} devices can share evenly, got {batch} examples; try "
                f"{f'{below} or ' if below else ''}{over}"
            )

    def everywhere(self, x: OnHost) -> OnDevice:
        """An array that each device has whole, and each process alike."""
        return self._made(x.shape, self._sharding(), [x] * len(self._local))

    def apart(self, parts: Sequence[OnHost]) -> OnDevice:
        """An array of which each device has a part: given are those of this process, alike in shape, one by one."""
        first, *rest = parts[0].shape
        return self._made((self.count * first, *rest), self._sharding(self.axes), parts)

    def _sharding(self, *spec: object) -> OnDevice:
        sharding = installed().sharding
        return sharding.NamedSharding(self._mesh, sharding.PartitionSpec(*spec))

    def _made(self, shape: tuple[int, ...], sharding: OnDevice, parts: Sequence[OnHost]) -> OnDevice:
        jax = installed()
        placed = [jax.device_put(part, device) for part, device in zip(parts, self._local)]
        return jax.make_array_from_single_device_arrays(shape, sharding, placed)

    def split(self, function: Callable[..., OnDevice], whole: Sequence[bool]) -> Callable[..., OnDevice]:
        """A function as each device runs it; what it returns is the same on all.

        Args:
            whole: of each argument, whether each device gets all of it, or its part.
        """
        jax = installed()
        spec = jax.sharding.PartitionSpec
        given = tuple(spec() if w else spec(self.axes) for w in whole)
        made: Callable[..., OnDevice] = jax.shard_map(
            function, mesh=self._mesh, in_specs=given, out_specs=spec(), check_vma=False
        )
        return made

    def total(self, parts: Sequence[OnDevice]) -> list[OnDevice]:
        """The sums over the devices of what each has, as one message."""
        jax = installed()
        np, sizes = jax.numpy, [part.size for part in parts]
        flat = jax.lax.psum(np.concatenate([part.ravel() for part in parts]), self.axes)
        ends = [sum(sizes[:k]) for k in range(len(sizes) + 1)]
        return [flat[a:b].reshape(part.shape) for a, b, part in zip(ends, ends[1:], parts)]

    def gathered(self, x: OnDevice) -> OnDevice:
        """What each device has, one after the other."""
        return installed().lax.all_gather(x, self.axes)


class Share(NamedTuple):
    """What a device has of a batch: rows of its own, as many as each other one, and those that are left, which all have."""

    own: int
    left: int

    @property
    def size(self) -> int:
        """How many these are."""
        return self.own + self.left

    @classmethod
    def of(cls, size: int, mesh: Mesh) -> Share:
        """That of a device of a mesh."""
        return cls(*divmod(size, mesh.count))

    @classmethod
    def widest(cls, batch: int, left: int, mesh: Mesh) -> int:
        """How many rows a step has at most."""
        return max(cls.of(batch, mesh).size, cls.of(left, mesh).size)

    def places(self, device: int, count: int) -> list[int]:
        """Which places of the batch they are, of one of so many devices."""
        return [
            *range(device * self.own, (device + 1) * self.own),
            *range(count * self.own, count * self.own + self.left),
        ]


def _found(who: str, devices: object) -> OnDevice:
    """A mesh of JAX's with so many devices, or all."""
    import numpy as np

    found = installed().devices()
    all_there_are = isinstance(devices, str) and devices == "all"
    if not all_there_are and (isinstance(devices, bool) or not hasattr(devices, "__index__")):
        takes = 'a number of devices, "all", or a jax.sharding.Mesh'
        raise TypeError(f"{who} takes {takes}, as mesh, got {shown(devices)}")
    wanted = len(found) if all_there_are else whole(who, "mesh", devices, least=1)
    if wanted > len(found):
        more = MORE.format(n=wanted)
        raise ValueError(f"{who} takes a mesh of at most {len(found)} devices, which JAX finds, got {wanted}; {more}")
    return installed().sharding.Mesh(np.array(found[:wanted]), (AXIS,))
