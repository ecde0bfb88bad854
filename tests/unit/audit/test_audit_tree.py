"""The Merkle tree against the vectors published with RFC 6962's reference implementation, and against pymerkle."""

from hashlib import sha256

import pytest
from pymerkle import InmemoryTree

from audit import (
    EMPTY_ROOT,
    AuditError,
    Frontier,
    Mark,
    consistency_proof,
    inclusion_proof,
    is_consistent,
    leaf_hash,
    root_from_inclusion,
    root_of,
    tree,
)

# The eight leaves of Certificate Transparency's merkle_tree_test, and the root at each size.
LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def perfect_of(leaves: list[bytes]) -> tree.Perfect:
    """Hashes of perfect subtrees over leaf hashes in memory."""

    def perfect(level: int, index: int) -> bytes:
        part = leaves[index << level : (index + 1) << level]
        assert len(part) == 1 << level
        return root_of(part)

    return perfect


def test_empty_tree_has_the_published_root() -> None:
    """A tree without leaves has SHA-256 of nothing as its root."""
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert Frontier().root() == EMPTY_ROOT


def test_roots_are_the_published_ones_at_every_size() -> None:
    """The frontier reaches the published root after each of the eight leaves."""
    frontier = Frontier()
    for leaf, root in zip(LEAVES, ROOTS, strict=True):
        frontier.append(leaf_hash(leaf))
        assert frontier.root().hex() == root


def test_published_inclusion_path_verifies() -> None:
    """The path of leaf 5 in 8, as published with the reference implementation, is made and verifies."""
    path = inclusion_proof(5, 8, perfect_of([leaf_hash(leaf) for leaf in LEAVES]))
    assert [step.hex() for step in path] == [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]
    assert root_from_inclusion(leaf_hash(LEAVES[5]), 5, size=8, path=path).hex() == ROOTS[7]


def test_published_consistency_proof_verifies() -> None:
    """The proof from 6 to 8, as published with the reference implementation, is made and verifies."""
    proof = consistency_proof(6, 8, perfect_of([leaf_hash(leaf) for leaf in LEAVES]))
    assert [step.hex() for step in proof] == [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]
    old, new = (6, bytes.fromhex(ROOTS[5])), (8, bytes.fromhex(ROOTS[7]))
    assert is_consistent(old, new, proof=proof)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 63, 64, 65, 255, 256, 257, 1000])
def test_roots_and_proofs_agree_with_pymerkle(size: int) -> None:
    """An independent implementation computes the same roots, audit paths and consistency proofs."""
    oracle = InmemoryTree(algorithm="sha256")
    bodies = [b"entry %d" % number for number in range(size)]
    for body in bodies:
        oracle.append_entry(body)
    leaves = [leaf_hash(body) for body in bodies]
    assert root_of(leaves) == oracle.get_root(size)
    perfect = perfect_of(leaves)
    for index in {0, size // 2, size - 1}:
        theirs = oracle.prove_inclusion(index + 1, size).path[1:]  # theirs begins with the leaf
        assert inclusion_proof(index, size, perfect) == theirs
    for old in {1, size // 2, size - 1, size} - {0}:
        proof = consistency_proof(old, size, perfect)
        assert is_consistent((old, oracle.get_root(old)), (size, oracle.get_root(size)), proof=proof)


def test_frontier_goes_back_to_a_mark() -> None:
    """After a restore the frontier is what it was, however much was appended in between."""
    frontier = Frontier()
    leaves = [leaf_hash(b"%d" % number) for number in range(40)]
    for leaf in leaves[:21]:
        frontier.append(leaf)
    mark, root = frontier.mark(), frontier.root()
    for leaf in leaves[21:]:
        frontier.append(leaf)
    frontier.restore(mark)
    assert (frontier.size, frontier.root()) == (21, root)


def test_frontier_refuses_a_mark_that_cannot_be() -> None:
    """A mark needs one hash for each one bit of its size."""
    with pytest.raises(AuditError, match="one hash for each one bit"):
        Frontier(Mark(3, (bytes(32),)))


def test_closing_names_each_stored_subtree_once() -> None:
    """Appending leaf 65,535 completes tile hashes of both stored levels, with the roots of those subtrees."""
    leaves = [sha256(b"%d" % number).digest() for number in range(65_536)]
    frontier = Frontier()
    closed = []
    for leaf in leaves:
        closed += frontier.closing(leaf)
        frontier.append(leaf)
    assert [(level, index) for level, index, _ in closed] == [(1, n) for n in range(256)] + [(2, 0)]
    assert closed[3][2] == root_of(leaves[768:1024])
    assert closed[-1][2] == frontier.root()


@pytest.mark.parametrize(("index", "size"), [(0, 0), (5, 5), (-1, 5)])
def test_no_inclusion_outside_the_tree(index: int, size: int) -> None:
    """A leaf that is not in the tree has no proof and none verifies."""
    with pytest.raises(AuditError, match="there is no entry"):
        inclusion_proof(index, size, perfect_of([]))
    with pytest.raises(AuditError, match="there is no entry"):
        root_from_inclusion(bytes(32), index, size=size, path=[])


def test_inclusion_path_of_wrong_length_is_refused() -> None:
    """One hash too many or too few is an error, not another root."""
    path = inclusion_proof(5, 8, perfect_of([leaf_hash(leaf) for leaf in LEAVES]))
    with pytest.raises(AuditError, match="too short"):
        root_from_inclusion(leaf_hash(LEAVES[5]), 5, size=8, path=path[:-1])
    with pytest.raises(AuditError, match="too long"):
        root_from_inclusion(leaf_hash(LEAVES[5]), 5, size=8, path=[*path, bytes(32)])


@pytest.mark.parametrize(("old", "new"), [(0, 4), (5, 4), (-1, 4)])
def test_no_consistency_proof_backwards(old: int, new: int) -> None:
    """There is no proof from nothing or from a longer tree."""
    with pytest.raises(AuditError, match="no consistency proof"):
        consistency_proof(old, new, perfect_of([]))
    assert not is_consistent((old, bytes(32)), (new, bytes(32)), proof=[bytes(32)])


def test_consistency_refuses_wrong_proofs() -> None:
    """Equal sizes need equal roots and no proof; missing, surplus and changed hashes are refused."""
    leaves = [leaf_hash(leaf) for leaf in LEAVES]
    roots = [root_of(leaves[:size]) for size in range(9)]
    assert is_consistent((8, roots[8]), (8, roots[8]), proof=[])
    assert not is_consistent((8, roots[8]), (8, roots[7]), proof=[])
    assert not is_consistent((8, roots[8]), (8, roots[8]), proof=[bytes(32)])
    proof = consistency_proof(3, 7, perfect_of(leaves))
    old, new = (3, roots[3]), (7, roots[7])
    assert is_consistent(old, new, proof=proof)
    assert not is_consistent(old, new, proof=[])
    assert not is_consistent(old, new, proof=proof[:-1])
    assert not is_consistent(old, new, proof=[*proof, bytes(32)])
    assert not is_consistent(old, new, proof=[bytes(32), *proof[1:]])
