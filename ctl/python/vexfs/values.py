# SPDX-License-Identifier: GPL-2.0
"""What a caller gives, as what C takes: exactly that, or TypeError, OverflowError or ValueError."""
import ctypes as ct
import math
import operator
import re

from .abi import ATTR_NAME_LEN, MAX_KEY, MAX_STRING_BYTES, S64_MAX, S64_MIN, SNAPSHOT_NAME_LEN, U64_MAX, s64, u8, u64

try:
    import numpy as np
except ImportError:  # then rows are lists
    np = None

BOOL = (bool,) if np is None else (bool, np.bool_)
DOUBLE_EXACT = 2**53  # whole numbers up to here, and not all beyond, are doubles


def _kind(value):
    return type(value).__name__


def integer(value, what, low=0, high=U64_MAX, error=OverflowError):
    """An int from what is an integer, NumPy's too, but neither bool, float nor text; `error`: it is out of bounds."""
    if isinstance(value, BOOL):
        raise TypeError('%s is a bool; an integer is wanted' % what)
    try:
        value = operator.index(value)
    except TypeError:
        raise TypeError('%s is of type %s; an integer is wanted' % (what, _kind(value))) from None
    if not low <= value <= high:
        raise error('%s is %d; it must be from %d to %d' % (what, value, low, high))
    return value


def size_of(value, what):
    """Bytes, from an integer or from a number with K, M, G or T."""
    if isinstance(value, str):
        found = re.fullmatch(r'(\d{1,20})([KMGT]?)(?:i?B)?', value.strip(), re.ASCII | re.I)
        if not found:
            raise ValueError('%s is %r; a number is wanted, and after it K, M, G or T' % (what, value))
        value = int(found[1]) << 10 * ' KMGT'.index(found[2].upper() or ' ')
    return integer(value, what, 0, U64_MAX, ValueError)


def number(value, what):
    """A float from a real number; NaN is ValueError."""
    if isinstance(value, BOOL + (str, bytes, bytearray)):
        raise TypeError('%s is of type %s; a number is wanted' % (what, _kind(value)))
    try:
        value = float(value)
    except TypeError:
        raise TypeError('%s is of type %s; a number is wanted' % (what, _kind(value))) from None
    if math.isnan(value):
        raise ValueError('%s is NaN' % what)
    return value


def string(value, what, most=MAX_KEY):
    """1 to `most` bytes without NUL, from str (as UTF-8) or bytes."""
    if isinstance(value, str):
        value = value.encode(errors='surrogateescape')
    elif isinstance(value, (bytes, bytearray, memoryview)):
        value = bytes(value)
    else:
        raise TypeError('%s is of type %s; str or bytes is wanted' % (what, _kind(value)))
    if not value:
        raise ValueError('%s is empty' % what)
    if b'\0' in value:
        raise ValueError('%s has a NUL in it' % what)
    if most is not None and len(value) > most:
        raise ValueError('%s has %d bytes; at most %d are possible' % (what, len(value), most))
    return value


def decoded(value):
    """The str of bytes that string() made of a str; other bytes as surrogates, which string() takes back."""
    return value.decode(errors='surrogateescape')


def one_of(names, name, what):
    """Which of the names it is, by number."""
    if not isinstance(name, str):
        raise TypeError('%s is of type %s; str is wanted' % (what, _kind(name)))
    if name not in names:
        raise ValueError('%s is %r; it is one of %s' % (what, name, ', '.join(names)))
    return names.index(name)


def snapshot_name(name):
    name = string(name, 'the name of a snapshot', SNAPSHOT_NAME_LEN - 1)
    if not re.fullmatch(rb'[a-z0-9._-]+', name):
        raise ValueError('the name of a snapshot is made of a-z 0-9 . _ -')
    return name


def attribute_name(name):
    name = string(name, 'the name of an attribute', ATTR_NAME_LEN - 1)
    if not re.fullmatch(rb'[a-z_][a-z0-9_]*', name):
        raise ValueError('%r is not the name of an attribute: a-z 0-9 _, and no digit first' % decoded(name))
    return name


def id_array(ids):
    """A ctypes array of u64 from ids in one dimension."""
    if np is not None and isinstance(ids, np.ndarray) and ids.ndim == 1 and ids.dtype.kind in 'iu' and len(ids):
        integer(ids.min(), 'an id')
        return (u64 * len(ids)).from_buffer_copy(np.ascontiguousarray(ids, dtype=np.uint64))
    ids = [integer(i, 'an id') for i in ids]
    return (u64 * len(ids))(*ids)


def packed(keys):
    """(bytes back to back, a ctypes array of their lengths) of strings; None has no bytes."""
    keys = [b'' if k is None else string(k, 'a key') for k in keys]
    bytes_ = b''.join(keys)
    if len(bytes_) > MAX_STRING_BYTES:
        raise ValueError('the keys of one call have %d bytes; at most %d are possible' % (len(bytes_),
                                                                                          MAX_STRING_BYTES))
    return bytes_, (u8 * len(keys))(*map(len, keys))


def attribute(value, name):
    """The number of an int attribute: 0 for None, 1 for True; a float only if it is a whole number."""
    if value is None:
        return 0
    if isinstance(value, BOOL):
        return int(value)
    if isinstance(value, float) or (np is not None and isinstance(value, np.floating)):
        value = float(value)
        if not value.is_integer() or abs(value) > DOUBLE_EXACT:
            raise ValueError('attribute %s is %r; an integer is wanted' % (name, value))
        return int(value)
    return integer(value, 'attribute ' + name, S64_MIN, S64_MAX)


def arguments(args, most):
    """Up to `most` numbers of 64 bits for programs, with or without sign, as a ctypes array of u64."""
    args = [integer(a, 'an argument', S64_MIN, U64_MAX) & U64_MAX for a in args]
    if len(args) > most:
        raise ValueError('%d arguments; a query has at most %d' % (len(args), most))
    return (u64 * most)(*args)


def _refuse(i, what):
    raise ValueError('vector %d %s' % (i, what))


_BAD = 'has NaN, infinity or what float32 cannot hold'
_ZERO = 'is all zeros: it has no direction, which cosine needs'


def _array(vectors, dims, cosine):
    try:
        a = np.asarray(vectors)
    except ValueError:
        raise ValueError('vectors differ in length, or are not numbers; the shape (n, %d) is wanted' % dims) from None
    if np.ma.is_masked(vectors):
        raise ValueError('vectors have masked elements')
    if a.dtype.kind not in 'biuf':
        raise TypeError('vectors are of type %s; numbers are wanted' % (a.dtype if a.ndim else _kind(vectors)))
    one = a.ndim == 1 and a.size > 0
    shape = a.shape
    if a.ndim == 1:
        a = a.reshape((1, -1) if one else (0, dims))
    if a.ndim != 2 or a.shape[1] != dims:
        raise ValueError('vectors have the shape %s; (n, %d) is wanted' % (shape, dims))
    with np.errstate(over='ignore'):
        a = np.ascontiguousarray(a, dtype=np.float32)
    good = np.isfinite(a).all(axis=1)
    if not good.all():
        _refuse(good.argmin(), _BAD)
    if cosine and not a.any(axis=1).all():
        _refuse(a.any(axis=1).argmin(), _ZERO)
    return a, a.ctypes.data, len(a), one


def _sequence(vectors):
    if isinstance(vectors, (str, bytes, bytearray)):
        raise TypeError('vectors are of type %s; numbers are wanted' % _kind(vectors))
    return list(vectors)


def rows(vectors, dims, cosine):
    """Vectors as rows of float32: (what keeps them in memory, their address, how many, whether it is a single one)."""
    if np is not None:
        return _array(vectors, dims, cosine)
    vectors = _sequence(vectors)
    one = bool(vectors) and not hasattr(vectors[0], '__len__')
    vectors = [vectors] if one else [_sequence(v) for v in vectors]
    a = (ct.c_float * (len(vectors) * dims))()
    for i, v in enumerate(vectors):
        if len(v) != dims:
            raise ValueError('vector %d has %d number%s; %d are wanted' % (i, len(v), '' if len(v) == 1 else 's', dims))
        a[i * dims:(i + 1) * dims] = [_element(x) for x in v]
        row = a[i * dims:(i + 1) * dims]
        if not all(map(math.isfinite, row)):
            _refuse(i, _BAD)
        if cosine and not any(row):
            _refuse(i, _ZERO)
    return a, ct.addressof(a), len(vectors), one


def _element(x):
    """A number of a vector; NaN is found later."""
    if isinstance(x, (str, bytes, bytearray)):
        raise TypeError('a vector has a %s in it; numbers are wanted' % _kind(x))
    return float(x)
