//! A universal hash of a row: products of pairs, modulo 2^127 - 1. `docs/format.md` has the definition.
//!
//! A row is a sequence of numbers of 15 bytes, and each has a key of 120 bits. A number and its key are added; of two such sums each the
//! product is taken, and the products are added up. Rows of one length that differ give the same for at most one in 2^120 of the keys: it is
//! NH of UMAC (Black, Halevi, Krawczyk, Krovetz, Rogaway, 1999) in a prime field. There are keys for 900 bytes; what longer rows come
//! to are the coefficients of a polynomial, whose value at a secret point is taken.

/// The prime.
const P: u128 = (1 << 127) - 1;
/// The lower half of a number of 120 bits.
const HALF: u64 = (1 << 60) - 1;
/// Bytes of two numbers.
const PAIR_BYTES: usize = 30;
/// Bytes that are read for two numbers.
const READ_BYTES: usize = 32;
const PAIRS: usize = 30;
/// Bytes of a row that have keys of their own.
pub const BLOCK_BYTES: usize = PAIR_BYTES * PAIRS;
/// Bytes of which the keys are made.
pub const SECRET_BYTES: usize = (2 + PAIRS) * READ_BYTES;

/// The keys.
#[derive(Clone)]
pub struct Pairs {
    point: u128,
    length: [u64; 2],
    /// Of each pair the halves of both numbers' keys.
    keys: [[u64; 4]; PAIRS],
}

impl Pairs {
    pub fn new(secret: &[u8; SECRET_BYTES]) -> Self {
        let group = |n: usize| halves(secret, n * READ_BYTES);
        let [length, upper, ..] = group(1);
        let point = reduced(wide(secret, 0));
        Self { point, length: [length, upper], keys: std::array::from_fn(|n| group(n + 2)) }
    }

    /// Below 2^127 - 1.
    #[inline]
    pub fn hash(&self, row: &[u8]) -> u128 {
        let bytes = row.len() as u64;
        if row.len() <= BLOCK_BYTES {
            return self.block(row, bytes);
        }
        let (all, last) = row.split_at((row.len() - 1) / BLOCK_BYTES * BLOCK_BYTES);
        let sum = all.chunks_exact(BLOCK_BYTES).fold(0, |sum, block| self.append(sum, block));
        self.end(sum, last, bytes)
    }

    /// The polynomial with one more coefficient, of [`BLOCK_BYTES`] that are not the row's last.
    #[inline]
    pub fn append(&self, sum: u128, block: &[u8]) -> u128 {
        reduced(times(sum, self.point) + self.block(block, 0))
    }

    /// With the last coefficient, of 1 to [`BLOCK_BYTES`] bytes.
    #[inline]
    pub fn end(&self, sum: u128, last: &[u8], row_bytes: u64) -> u128 {
        reduced(times(sum, self.point) + self.block(last, row_bytes))
    }

    #[inline]
    fn block(&self, block: &[u8], row_bytes: u64) -> u128 {
        let mut products = Products {
            low: u128::from(row_bytes).wrapping_mul(self.length[0].into()),
            middle: u128::from(row_bytes).wrapping_mul(self.length[1].into()),
            high: 0,
        };
        let (mut rest, mut keys) = (block, self.keys.iter());
        while rest.len() >= READ_BYTES
            && let Some(keys) = keys.next()
        {
            products.add(halves(rest, 0), keys);
            rest = &rest[PAIR_BYTES..];
        }
        let rest_bytes = rest.len();
        if rest_bytes > 0
            && let Some(of_first) = keys.next()
        {
            let (low, high) = last_bytes(block, rest_bytes);
            products.add(halves_of(low, high), of_first);
            // A 31st byte begins a pair of its own.
            if rest_bytes > PAIR_BYTES
                && let Some(of_second) = keys.next()
            {
                products.add([(high >> 112) as u64, 0, 0, 0], of_second);
            }
        }
        products.value()
    }
}

/// Sums of products of halves, by what the halves stand for. None passes 2^128: a sum of two halves is below 2^61, there are 30 pairs, and
/// rows are shorter than 2^40.
struct Products {
    low: u128,
    /// Times 2^60.
    middle: u128,
    /// Times 2^120.
    high: u128,
}

impl Products {
    #[inline]
    fn add(&mut self, numbers: [u64; 4], keys: &[u64; 4]) {
        let sum = |n: usize| u128::from(numbers[n].wrapping_add(keys[n]));
        let ((a, b), (c, d)) = ((sum(0), sum(1)), (sum(2), sum(3)));
        self.low = self.low.wrapping_add(a.wrapping_mul(c));
        self.middle = self.middle.wrapping_add(a.wrapping_mul(d).wrapping_add(b.wrapping_mul(c)));
        self.high = self.high.wrapping_add(b.wrapping_mul(d));
    }

    /// As one number of 256 bits, and that modulo the prime: 2^127 is 1.
    #[inline]
    fn value(&self) -> u128 {
        let (low, carry) = self.low.overflowing_add(self.middle << 60);
        let (low, second) = low.overflowing_add(self.high << 120);
        let upper = (self.middle >> 68) + (self.high >> 8) + u128::from(carry) + u128::from(second);
        reduced((low & P) + (upper << 1 | low >> 127))
    }
}

/// The last bytes of a block, fewer than 32, as a number of 256 bits. Read in words that overlap: what was just written byte by byte is
/// slow to read again.
#[inline]
fn last_bytes(block: &[u8], bytes: usize) -> (u128, u128) {
    let end = block.len();
    if end >= READ_BYTES {
        let (low, high) = (wide(block, end - 32), wide(block, end - 16));
        let by = 8 * (READ_BYTES - bytes) as u32;
        return if by < 128 { (low >> by | high << (128 - by), high >> by) } else { (high >> (by - 128), 0) };
    }
    let shifted = |number: u64, at: usize| u128::from(number) << (8 * at);
    match bytes {
        17.. => (wide(block, 0), wide(block, bytes - 16) >> (8 * (READ_BYTES - bytes))),
        16 => (wide(block, 0), 0),
        8.. => (u128::from(word(block, 0)) | shifted(word(block, bytes - 8), bytes - 8), 0),
        _ => (block.iter().rev().fold(0, |number, byte| number << 8 | u128::from(*byte)), 0),
    }
}

#[inline]
fn word(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

#[inline]
fn wide(bytes: &[u8], at: usize) -> u128 {
    let mut wide = [0; 16];
    wide.copy_from_slice(&bytes[at..at + 16]);
    u128::from_le_bytes(wide)
}

/// Of two numbers of 15 bytes, little-endian, the lower and the upper 60 bits.
#[inline]
fn halves(bytes: &[u8], at: usize) -> [u64; 4] {
    [word(bytes, at) & HALF, word(bytes, at + 7) >> 4, word(bytes, at + 15) & HALF, word(bytes, at + 22) >> 4]
}

/// The same of a number of 256 bits.
#[inline]
fn halves_of(low: u128, high: u128) -> [u64; 4] {
    let second = low >> 120 | high << 8;
    [low as u64 & HALF, (low >> 60) as u64 & HALF, second as u64 & HALF, (second >> 60) as u64 & HALF]
}

#[inline]
fn reduced(number: u128) -> u128 {
    let folded = (number & P) + (number >> 127);
    if folded >= P { folded - P } else { folded }
}

/// Of two numbers below the prime.
#[inline]
fn times(a: u128, b: u128) -> u128 {
    let halves = |number: u128| (number & u128::from(u64::MAX), number >> 64);
    let ((a0, a1), (b0, b1)) = (halves(a), halves(b));
    let middle = a0 * b1 + a1 * b0;
    let (low, carry) = (a0 * b0).overflowing_add(middle << 64);
    let high = a1 * b1 + (middle >> 64) + u128::from(carry);
    reduced((low & P) + (high << 1 | low >> 127))
}
