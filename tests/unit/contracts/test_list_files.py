"""Target lists as files."""

import gzip

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cellwave.contracts.list_files import load_list, read_list
from cellwave.domain.errors import DocumentError


def test_a_csv_is_read_with_its_byte_order_mark_repeats_and_other_columns(tmp_path):
    file = tmp_path / "l.csv"
    file.write_bytes('\ufeffscore,sub,note\r\n1,anna,"a, b"\r\n\r\n2,bela,\r\n3,anna,"two\nlines"\r\n'.encode())

    assert load_list(file) == {"anna", "bela"}
    assert list(read_list(file)) == [(2, "anna"), (4, "bela"), (6, "anna")]


def test_a_gzipped_csv_is_read(tmp_path):
    file = tmp_path / "l.csv.gz"
    file.write_bytes(gzip.compress(b"sub\nanna\n"))

    assert load_list(file) == {"anna"}


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.int64(), pa.dictionary(pa.int32(), pa.string())])
def test_a_parquet_file_is_read_whatever_way_it_stores_subscribers(tmp_path, kind):
    values = [353851234567, 353851234568, 353851234567]
    column = pa.array(values if kind == pa.int64() else [str(value) for value in values]).cast(kind)
    pq.write_table(pa.table({"score": [1, 2, 3], "sub": column}), tmp_path / "l.parquet")

    assert load_list(tmp_path / "l.parquet") == {"353851234567", "353851234568"}


def test_a_list_may_be_empty(tmp_path):
    (tmp_path / "l.csv").write_text("sub\n")

    assert load_list(tmp_path / "l.csv") == frozenset()


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("l.csv", b"353851234567\n353851234568\n", 'no column "sub"'),
        ("l.csv", b"SUB\nanna\n", 'no column "sub"'),
        ("l.csv", b"", 'no column "sub"'),
        ("l.csv", b"a,sub\n1,anna\n2\n", ":3: a row without a subscriber"),
        ("l.csv", b'sub\n"anna\n', "not CSV"),
        ("l.csv", b"sub\n\xff\n", "not UTF-8"),
        ("l.csv.gz", b"sub\nanna\n", "broken gzip"),
        ("l.csv.gz", gzip.compress(b"sub\nanna\n")[:-4], "broken gzip"),
        ("l.parquet", b"sub\nanna\n", "not Parquet"),
        ("l.txt", b"sub\nanna\n", "not a list file"),
    ],
)
def test_what_is_wrong_with_a_list_is_told_without_showing_a_subscriber(tmp_path, name, content, reason):
    (tmp_path / name).write_bytes(content)

    with pytest.raises(DocumentError) as refused:
        load_list(tmp_path / name)

    assert reason in str(refused.value)
    assert "3538" not in str(refused.value)
    assert refused.value.problems[0].mend


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ({"msisdn": ["1"]}, 'no column "sub"'),
        ({"sub": [1.5]}, "is of type double"),
        ({"sub": ["anna", None]}, ":2: a row without a subscriber"),
    ],
)
def test_what_is_wrong_with_a_parquet_list_is_told(tmp_path, table, reason):
    pq.write_table(pa.table(table), tmp_path / "l.parquet")

    with pytest.raises(DocumentError, match=reason):
        load_list(tmp_path / "l.parquet")


def test_a_list_that_is_not_there_is_told(tmp_path):
    with pytest.raises(DocumentError, match="no such file"):
        load_list(tmp_path / "l.csv")
