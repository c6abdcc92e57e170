//! Unsigned numbers as `numeric`, in the wire format: digits to the base 10,000, and the weight of the first.

use std::error::Error;

use bytes::{Buf, BufMut, BytesMut};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, accepts, to_sql_checked};

const BASE: u64 = 10_000;

/// Digits of the largest number.
const MAX_DIGITS: usize = 5;

/// A number of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Number(pub(crate) u64);

impl ToSql for Number {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let mut digits = Vec::with_capacity(MAX_DIGITS);
        let mut rest = self.0;
        while rest > 0 {
            digits.push((rest % BASE) as i16);
            rest /= BASE;
        }
        out.put_i16(digits.len() as i16);
        out.put_i16(digits.len().saturating_sub(1) as i16);
        // Sign and decimals.
        out.put_i32(0);
        digits.into_iter().rev().for_each(|digit| out.put_i16(digit));
        Ok(IsNull::No)
    }

    accepts!(NUMERIC);
    to_sql_checked!();
}

impl<'a> FromSql<'a> for Number {
    fn from_sql(_: &Type, mut raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        let count = usize::from(raw.try_get_u16()?);
        let weight = raw.try_get_i16()?;
        let (sign, decimals) = (raw.try_get_u16()?, raw.try_get_u16()?);
        // Trailing zeros are not sent.
        let zeros = (i32::from(weight) + 1).checked_sub(count as i32).filter(|zeros| *zeros >= 0);
        let zeros = if count == 0 { Some(0) } else { zeros };
        let (0, 0, Some(zeros), true) = (sign, decimals, zeros, raw.len() == 2 * count) else {
            return Err("it is no unsigned integer".into());
        };
        let mut number = 0_u64;
        for digit in (0..count).map(|_| raw.get_u16()).chain((0..zeros).map(|_| 0)) {
            let shifted = number.checked_mul(BASE).and_then(|number| number.checked_add(digit.into()));
            number = shifted.ok_or("it is larger than a u64")?;
        }
        Ok(Self(number))
    }

    accepts!(NUMERIC);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(count: i16, weight: i16, sign: u16, decimals: i16, digits: &[i16]) -> Vec<u8> {
        let mut bytes = BytesMut::new();
        bytes.put_i16(count);
        bytes.put_i16(weight);
        bytes.put_u16(sign);
        bytes.put_i16(decimals);
        digits.iter().for_each(|digit| bytes.put_i16(*digit));
        bytes.to_vec()
    }

    #[test]
    fn numbers_round_trip() {
        for number in [0, 1, 9_999, 10_000, 10_001, 1_800_000_000_000, u64::MAX - 1, u64::MAX] {
            let mut sent = BytesMut::new();
            Number(number).to_sql(&Type::NUMERIC, &mut sent).unwrap();
            assert_eq!(Number::from_sql(&Type::NUMERIC, &sent).unwrap(), Number(number));
        }
        // As the server sends 20,000 and 100,000,000.
        assert_eq!(Number::from_sql(&Type::NUMERIC, &bytes(1, 1, 0, 0, &[2])).unwrap(), Number(20_000));
        assert_eq!(Number::from_sql(&Type::NUMERIC, &bytes(1, 2, 0, 0, &[1])).unwrap(), Number(100_000_000));
    }

    #[test]
    fn other_numbers_are_refused() {
        for (name, raw) in [
            ("-1", bytes(1, 0, 0x4000, 0, &[1])),
            ("NaN", bytes(0, 0, 0xc000, 0, &[])),
            ("1.5", bytes(2, 0, 0, 1, &[1, 5000])),
            ("u64::MAX + 1", bytes(5, 4, 0, 0, &[1844, 6744, 737, 955, 1616])),
            ("1e36", bytes(1, 9, 0, 0, &[1])),
            ("a cut one", bytes(2, 1, 0, 0, &[1])),
            ("nothing", Vec::new()),
        ] {
            assert!(Number::from_sql(&Type::NUMERIC, &raw).is_err(), "{name}");
        }
    }
}
