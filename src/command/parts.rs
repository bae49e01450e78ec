//! How a large table is cut, so that several sessions read it at the same time.

use crate::pg::catalog::TableFacts;
use crate::pg::copy::PartRange;

/// A part of a table is about this large, TOAST included.
const PART_BYTES: u64 = 64 << 20;

/// Fixed strides of blocks, a power of two, so that yesterday's cuts are today's.
pub fn cut(table: &TableFacts) -> Vec<PartRange> {
    if table.configuration.is_some() || !table.has_parts || table.blocks == 0 {
        return vec![PartRange::Whole];
    }
    let bytes_in_block = (table.bytes / table.blocks).max(8192);
    let blocks = (PART_BYTES / bytes_in_block).max(16);
    let stride = 1u64 << (63 - blocks.leading_zeros());
    let parts = table.blocks.div_ceil(stride);
    if parts == 1 {
        return vec![PartRange::Whole];
    }
    let range = |n| match n + 1 == parts {
        true => PartRange::From { first: n * stride },
        false => PartRange::Blocks { first: n * stride, end: (n + 1) * stride },
    };
    (0..parts).map(range).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pg::catalog::Reading;
    use crate::stream::RowFormat;

    fn table(blocks: u64, bytes: u64) -> TableFacts {
        TableFacts {
            oid: 1,
            schema: "s".into(),
            name: "t".into(),
            owner: "o".into(),
            columns: vec!["a".into()],
            format: RowFormat::Binary,
            blocks,
            bytes,
            configuration: None,
            has_parts: true,
            reading: Reading::Complete,
        }
    }

    #[test]
    fn the_parts_of_a_growing_table_keep_their_ends() {
        let before = cut(&table(20_000, 20_000 * 8192));
        let after = cut(&table(30_000, 30_000 * 8192));
        assert_eq!(before[0], PartRange::Blocks { first: 0, end: 8192 });
        assert_eq!(before[..2], after[..2]);
        assert_eq!(before[2..], [PartRange::From { first: 16_384 }]);
        assert_eq!(after[2..], [PartRange::Blocks { first: 16_384, end: 24_576 }, PartRange::From { first: 24_576 }]);
    }

    #[test]
    fn only_a_large_heap_is_cut() {
        let whole = [PartRange::Whole];
        assert_eq!(cut(&table(0, 0)), whole);
        assert_eq!(cut(&table(8192, 8192 * 8192)), whole);
        assert_eq!(cut(&TableFacts { has_parts: false, ..table(20_000, 20_000 * 8192) }), whole);
        assert_eq!(cut(&TableFacts { configuration: Some(String::new()), ..table(20_000, 20_000 * 8192) }), whole);
    }
}
