# SPDX-License-Identifier: GPL-2.0
"""Collections of vectors on VexFS, through libvexfs.

    import vexfs
    c = vexfs.create('/mnt/docs', dims=384, metric='cosine', attrs={'year': 'int', 'lang': 'keyword'})
    c.add(vectors, ids=[1, 2, 3], keys=['a', None, 'b'], attrs=[{'year': 2024, 'lang': 'de'}, {}, {}])
    for hit in c.search(query, k=10, where="year > 2000 and lang = 'de'"):
        print(hit.id, hit.distance)
    c.sync()

With vexfs.attach('x.img') an image does instead of a mount, and neither a kernel module nor root is needed.

Vectors are NumPy arrays or sequences of numbers, of the shape (n, dims), or (dims,) for a single one; they are stored
as float32.  NaN, infinity, what float32 cannot hold and, with cosine, a vector of zeros are refused.  Distances: l2 is
the squared distance, cosine is 1 - cos, dot is the negated product.

Ids are integers from 0 to 2**64 - 1.  Keys, and the words of keyword attributes, have 1 to 255 bytes and no NUL: str,
taken as UTF-8, or bytes.

Errors: TypeError, OverflowError (an integer that does not fit) and ValueError for wrong arguments, and then nothing was
done.  What the kernel refuses is OSError, with the errno and what libvexfs says about it: EEXIST an id or key is taken,
ENOSPC the disk is full, EACCES, EROFS, and so on.

Calls may come from several threads; ctypes lets others run meanwhile.  Index has the shape of hnswlib's class, and
needs NumPy; the rest works without it.
"""
from .collection import Collection, Hits, Match, Record, create
from .image import File, Image, attach
from .index import Index
from .program import Program

__all__ = ['Collection', 'File', 'Hits', 'Image', 'Index', 'Match', 'Program', 'Record', 'attach', 'create']
