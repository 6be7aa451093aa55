#!/usr/bin/env python3
"""make_golden.py OUTDIR -- writes the golden files of repository format 1 in data/.

Written from docs/repository-format.md alone, without a line of the C++: where the two disagree, the
page or the program is wrong. Keys, salts and nonces are fixed, so the output never changes (the
compressed frames only with zstd itself: the tests decode those and encode the raw ones). Needs
python3-cryptography, libzstd and libxxhash.
"""
import ctypes
import hashlib
import os
import struct
import sys
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

ZSTD = ctypes.CDLL("libzstd.so.1")
ZSTD.ZSTD_compress.restype = ctypes.c_size_t
ZSTD.ZSTD_compress.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t,
                               ctypes.c_int]


class Xxh128(ctypes.Structure):
    _fields_ = [("low", ctypes.c_uint64), ("high", ctypes.c_uint64)]


XXHASH = ctypes.CDLL("libxxhash.so.0")
XXHASH.XXH3_64bits.restype = ctypes.c_uint64
XXHASH.XXH3_64bits.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
XXHASH.XXH3_128bits_withSeed.restype = Xxh128
XXHASH.XXH3_128bits_withSeed.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64]

REPOSITORY_ID = bytes(range(16))
REPOSITORY_KEY = bytes(range(0x20, 0x40))
USER_KEY = bytes(range(0x40, 0x60))
SALT = bytes(range(0x80, 0xA0))
RECORD, WAL, TAIL = 1, 4, 6
NONE, AES = 0, 1
RAW, ZSTD_CODEC = 0, 1
KEY_VERSION = 1


def hkdf(key, salt, info):
    return HKDF(algorithm=SHA256(), length=32, salt=salt, info=info).derive(key)


def zstd(plain):
    room = ctypes.create_string_buffer(len(plain) + 1024)
    used = ZSTD.ZSTD_compress(room, len(room), plain, len(plain), 3)
    return room.raw[:used]


def header(kind, sealing):
    version = KEY_VERSION if sealing == AES else 0
    return b"AGRIBKUP" + struct.pack("<HBBI", 1, kind, sealing, version) + REPOSITORY_ID + SALT


def seal(head, name, number, frame_header, body):
    if head[11] == AES:
        info = b"agri_backup object v1" + head + struct.pack("<H", len(name)) + name
        key = hkdf(REPOSITORY_KEY, SALT, info)
        return AESGCM(key).encrypt(bytes(4) + struct.pack(">Q", number), body, frame_header)
    context = head + name
    seed = XXHASH.XXH3_64bits(context, len(context))
    tagged = struct.pack(">Q", number) + frame_header + body
    digest = XXHASH.XXH3_128bits_withSeed(tagged, len(tagged), seed)
    return body + struct.pack(">QQ", digest.high, digest.low)


def sealed_object(kind, sealing, name, frames):
    head = header(kind, sealing)
    out = head
    for number, (plain, codec) in enumerate(frames):
        body = zstd(plain) if codec == ZSTD_CODEC else plain
        last = number == len(frames) - 1
        frame_header = struct.pack("<IIBBH", len(body), len(plain), codec, last, 0)
        out += frame_header + seal(head, name.encode(), number, frame_header, body)
    return out


def varint(value):
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def number_field(field, value):
    return varint(field << 3) + varint(value)


def bytes_field(field, value):
    return varint(field << 3 | 2) + varint(len(value)) + value


def key_slot():
    nonce = bytes(4) + bytes(range(0xE0, 0xE8))
    info = b"agri_backup key slot v1" + REPOSITORY_ID + struct.pack("<IB", KEY_VERSION, 1)
    wrapped = AESGCM(hkdf(USER_KEY, SALT, info)).encrypt(nonce, REPOSITORY_KEY, b"")
    key_id = hkdf(USER_KEY, REPOSITORY_ID, b"agri_backup key id v1")[:8]
    return (number_field(1, 1) + number_field(3, 1763843701000000) + bytes_field(4, SALT) +
            bytes_field(5, nonce) + bytes_field(6, wrapped) + bytes_field(7, key_id) +
            bytes_field(11, REPOSITORY_ID))


def slot_name():
    return "file-" + hkdf(USER_KEY, bytes(32), b"agri_backup key slot name v1")[:4].hex()


def incarnation():
    return (number_field(1, 1) + number_field(2, SYSTEM) + number_field(3, 15) +
            number_field(4, 16 << 20) + number_field(5, 1763843701000000) +
            bytes_field(6, b"golden") + bytes_field(7, b"15-7300000000000000001"))


SYSTEM = 7300000000000000001
FOLDER = f"clusters/main/15-{SYSTEM}"
CLAIM_ID = bytes(range(0xC0, 0xD0))
NIGHT = 1763863200000000
TAIL_SEGMENT = "000000010000000000000007"
TAIL_START = 7 << 24


def claim():
    return (number_field(1, 1) + bytes_field(2, CLAIM_ID) + bytes_field(3, b"db1") +
            bytes_field(4, b"0123456789abcdef0123456789abcdef") +
            bytes_field(5, b"/var/lib/postgresql/15/main") + number_field(6, 2049) +
            number_field(7, 1234567) + number_field(8, 1) + number_field(9, 1763843701000000) +
            bytes_field(10, b"first") + bytes_field(11, b"9f0c8a5e-0000-4000-8000-0123456789ab"))


def local_claim():
    return b"agri_backup claim 1\n" + hashlib.sha256(claim()).digest() + claim()


def lease():
    return (bytes_field(1, bytes(range(16))) + bytes_field(2, b"db1") +
            bytes_field(3, b"9f0c8a5e-0000-4000-8000-0123456789ab") + number_field(4, 4711) +
            number_field(5, 987654) + number_field(6, NIGHT) + number_field(7, 60000) +
            bytes_field(8, b"full backup"))


def schedule_run():
    return (bytes_field(1, b"nightly") + number_field(2, NIGHT) + number_field(3, 3) +
            number_field(4, 2) + bytes_field(5, bytes(range(16))) + bytes_field(6, b"db1") +
            bytes_field(7, b"9f0c8a5e-0000-4000-8000-0123456789ab") + number_field(8, 4711) +
            number_field(9, 987654) + number_field(10, NIGHT + 1) + number_field(11, NIGHT + 2) +
            bytes_field(13, b"no space \xe2\x80\xa6") + number_field(14, NIGHT - 86400000000) +
            bytes_field(15, b"20251122T020000Z-full-0001"))


def tail_piece(start, content):
    """Frame 0 of the piece [start, start + length of content), and a frame of its bytes."""
    piece = (bytes_field(1, TAIL_SEGMENT.encode()) + number_field(2, SYSTEM) + number_field(3, 1) +
             number_field(4, 1) + number_field(5, start) + number_field(6, start + len(content)) +
             bytes_field(7, hashlib.sha256(content).digest()) + number_field(8, NIGHT) +
             bytes_field(9, b"db1"))
    return [(piece, RAW), (content, ZSTD_CODEC)]


DESCRIPTOR = b"""{
  "format": 1,
  "repository_id": "000102030405060708090a0b0c0d0e0f",
  "sealing": "aes-256-gcm",
  "created": "2025-11-22T20:35:01.000000Z"
}
"""


def write(folder, file_name, key, content):
    with open(os.path.join(folder, file_name + ".hex"), "w", encoding="ascii") as out:
        out.write(f"# {key}\n")
        text = content.hex()
        for at in range(0, len(text), 64):
            out.write(text[at:at + 64] + "\n")


def main(folder):
    incarnation_key = "clusters/main/incarnations/00000001"
    wal_key = f"{FOLDER}/wal/00000001/00000000/000000010000000000000001"
    frames = [(b"what stands in frame 0", RAW), (b"compressible " * 40, ZSTD_CODEC), (b"", RAW)]
    write(folder, "v1_descriptor", "agri_backup.repository", DESCRIPTOR)
    write(folder, "v1_key_slot", f"keys/00000001/{slot_name()}", key_slot())
    write(folder, "v1_incarnation", incarnation_key,
          sealed_object(RECORD, AES, incarnation_key, [(incarnation(), RAW)]))
    write(folder, "v1_frames_aes", wal_key, sealed_object(WAL, AES, wal_key, frames))
    write(folder, "v1_frames_none", wal_key, sealed_object(WAL, NONE, wal_key, frames))
    for name, place, message in (
            ("claim", "claims/0000000000000001", claim()),
            ("lease", "leases/backup/0000000000000003", lease()),
            ("schedule_run", "schedules/nightly/0000000000000002", schedule_run()),
            ("tail_begin", "tail/0000000000000001/begin", claim())):
        key = f"{FOLDER}/{place}"
        write(folder, f"v1_{name}", key, sealed_object(RECORD, AES, key, [(message, RAW)]))
    for name, start, content in (("tail_first", TAIL_START, b"begin" * 100),
                                 ("tail_second", TAIL_START + 500, b"and on" * 100)):
        key = (f"{FOLDER}/tail/0000000000000001/{TAIL_SEGMENT}/"
               f"{start:016X}-{start + len(content):016X}")
        write(folder, f"v1_{name}", key, sealed_object(TAIL, AES, key, tail_piece(start, content)))
    write(folder, "v1_local_claim", "agri_backup/claim", local_claim())


main(sys.argv[1])
