"""Target lists as sealed objects: a manifest, and one shard for each lane that has members.

    lists/<name>/<version>/manifest.json        create-only: the first one decides
    lists/<name>/<version>/<run>/<lane>         nonce, then AES-GCM of the lane's sorted 16-byte pseudonyms

Each version has its own data key, wrapped in the manifest; without the manifest the shards are noise. A run is the
attempt that wrote the shards (named by its wrapped key): one that died, or came second, is never read.
"""

import hashlib
import secrets
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote

import msgspec

from cellwave.adapters.packing import PSEUDONYM, unpack_pseudonym
from cellwave.adapters.parallel import each
from cellwave.domain.errors import CellwaveError, Conflict, InputError, NotFound
from cellwave.domain.identifiers import lane_of, partition_of
from cellwave.domain.ruleset import ListVersion
from cellwave.ports.delivery import ObjectStore
from cellwave.ports.keys import DataKeys

CACHE_BYTES: Final = 64 * 1024 * 1024
MAX_NAME: Final = 64
_NONCE: Final = 12


class _Manifest(msgspec.Struct, frozen=True):
    """`members` is the SHA-256 of all members, lane by lane; `shards` by lane the SHA-256 of the sealed object."""

    name: str
    version: int
    count: int
    key_id: str
    wrapped: bytes
    run: str
    members: str
    shards: dict[int, str]


_MANIFESTS: Final = msgspec.json.Decoder(_Manifest)


class SealedTargetLists:
    """TargetLists over an ObjectStore. Unsealed shards are kept in memory, up to `cache_bytes` of them.

    For one thread at a time.
    """

    def __init__(self, objects: ObjectStore, keys: DataKeys, cache_bytes: int = CACHE_BYTES):
        self._objects = objects
        self._keys = keys
        self._manifests: dict[str, tuple[_Manifest, bytes]] = {}
        self._shards: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._free = cache_bytes

    def publish(self, name: str, version: int, subs: Iterable[str]) -> ListVersion:
        """Seal the pseudonyms as one version.

        Raises Conflict, InputError for a name that cannot be part of an object's key, and ValueError for pseudonyms
        under several keys.
        """
        _check_name(name)
        prefix = f"lists/{name}/{version}/"
        key_id, lanes = _by_lane(subs)
        members = hashlib.sha256(b"".join(lanes[lane] for lane in sorted(lanes))).hexdigest()
        count = sum(len(digests) for digests in lanes.values()) // PSEUDONYM
        published = ListVersion(name, version, count, prefix)
        if standing := self._standing(prefix):
            _refuse_others(standing, members)
            return published
        key = self._keys.new(_context(name))
        run = hashlib.sha256(key.wrapped).hexdigest()[:16]

        def seal(lane: int) -> tuple[int, str]:
            sealed = _seal(key.material, lanes[lane], _place(prefix, lane))
            self._objects.put_new(f"{prefix}{run}/{lane:02d}", sealed)
            return lane, hashlib.sha256(sealed).hexdigest()

        shards = dict(each(seal, sorted(lanes)))
        manifest = _Manifest(name, version, count, key_id, key.wrapped, run, members, shards)
        if not self._objects.put_new(_manifest_key(prefix), msgspec.json.encode(manifest)):
            standing = self._standing(prefix)
            # Refused by our own manifest: its answer was lost, and the client sent it again.
            if standing is None or standing.run != run:
                self._objects.delete([f"{prefix}{run}/{lane:02d}" for lane in lanes])
            if standing is None:
                raise Conflict(f"version {version} of the list {name} was shredded while it was written")
            _refuse_others(standing, members)
        return published

    def holds(self, version: ListVersion, sub: str) -> bool:
        """Tell exactly whether a pseudonym is on the list. Raises NotFound; CellwaveError for a damaged shard."""
        manifest, key = self._manifest(version.prefix)
        try:
            key_id, digest = unpack_pseudonym(sub)
        except ValueError:
            return False
        lane = lane_of(partition_of(sub))
        if key_id != manifest.key_id or lane not in manifest.shards:
            return False
        shard = self._shard(version.prefix, lane, manifest, key)
        at = bisect_left(
            range(len(shard) // PSEUDONYM), digest, key=lambda n: shard[n * PSEUDONYM : (n + 1) * PSEUDONYM]
        )
        return shard[at * PSEUDONYM : (at + 1) * PSEUDONYM] == digest

    def shred(self, version: ListVersion) -> None:
        """Destroy the version's key (first) and shards; other processes forget what they hold when they end."""
        self._objects.delete([_manifest_key(version.prefix)])
        self._objects.delete(self._objects.keys(version.prefix))
        self._manifests.pop(version.prefix, None)
        for place in [place for place in self._shards if place[0] == version.prefix]:
            self._free += len(self._shards.pop(place))

    def _standing(self, prefix: str) -> _Manifest | None:
        try:
            return _MANIFESTS.decode(self._objects.get(_manifest_key(prefix)))
        except NotFound:
            return None

    def _manifest(self, prefix: str) -> tuple[_Manifest, bytes]:
        if prefix not in self._manifests:
            manifest = _MANIFESTS.decode(self._objects.get(_manifest_key(prefix)))
            key = self._keys.unwrap(manifest.wrapped, _context(manifest.name))
            self._manifests[prefix] = (manifest, key)
        return self._manifests[prefix]

    def _shard(self, prefix: str, lane: int, manifest: _Manifest, key: bytes) -> bytes:
        place = (prefix, lane)
        if place in self._shards:
            self._shards.move_to_end(place)
            return self._shards[place]
        sealed = self._objects.get(f"{prefix}{manifest.run}/{lane:02d}")
        if hashlib.sha256(sealed).hexdigest() != manifest.shards[lane]:
            raise CellwaveError(f"shard {lane} below {prefix} is not the one that its manifest names")
        shard = self._shards[place] = _unseal(key, sealed, _place(prefix, lane))
        self._free -= len(shard)
        while self._free < 0 and len(self._shards) > 1:
            self._free += len(self._shards.popitem(last=False)[1])
        return shard


def _by_lane(subs: Iterable[str]) -> tuple[str, dict[int, bytes]]:
    """Return the key id of all and, by lane, their digests, sorted and each once."""
    key_ids: set[str] = set()
    lanes: dict[int, bytearray] = {}
    for sub in subs:
        key_id, digest = unpack_pseudonym(sub)
        key_ids.add(key_id)
        lanes.setdefault(lane_of(partition_of(sub)), bytearray()).extend(digest)
    if len(key_ids) > 1:
        raise ValueError(f"a list's pseudonyms are all under one key, not {', '.join(sorted(key_ids))}")
    return "".join(key_ids), {lane: _sorted(digests) for lane, digests in lanes.items()}


def _sorted(digests: bytearray) -> bytes:
    whole = bytes(digests)
    return b"".join(sorted({whole[at : at + PSEUDONYM] for at in range(0, len(whole), PSEUDONYM)}))


def _refuse_others(standing: _Manifest, members: str) -> None:
    """Raise Conflict where a version stands with other members."""
    if standing.members != members:
        raise Conflict(f"version {standing.version} of the list {standing.name} stands with other members")


def _check_name(name: str) -> None:
    """Refuse a name that no campaign can give: it would part the key, or hide in it."""
    if not (name[:1].isalnum() and len(name) <= MAX_NAME and name.isprintable()) or set(name) & set("/\\ "):
        raise InputError(
            "the list's name is not usable: give 1 to 64 letters, digits and . _ -, a letter or digit first"
        )


def _context(name: str) -> dict[str, str]:
    """Return what binds a key to its list; in ASCII, for policies and trails compare it as text."""
    return {"purpose": "list", "list": quote(name, safe="")}


def _manifest_key(prefix: str) -> str:
    return f"{prefix}manifest.json"


def _place(prefix: str, lane: int) -> bytes:
    """Return what is authenticated with a shard, so that none can stand in for another."""
    return f"{prefix}{lane:02d}".encode()


def _seal(key: bytes, digests: bytes, place: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = secrets.token_bytes(_NONCE)
    return nonce + AESGCM(key).encrypt(nonce, digests, place)


def _unseal(key: bytes, sealed: bytes, place: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], place)
