//! Numbers: whole ones keep their digits, all are finite.

use std::cmp::Ordering;

/// Up to here every whole number has a `f64` of its own.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A number that JSON can hold.
///
/// A whole number that fits 64 bits, with or without a sign, is exact: an identifier of 20 digits
/// does not become another. Everything else is a `f64`, and neither infinite nor NaN.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Number {
    /// From `i64::MIN` to `u64::MAX`.
    Whole(i128),
    /// Finite.
    Float(f64),
}

/// What two numbers may be joined by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl Number {
    pub(crate) fn from_count(count: usize) -> Self {
        i128::try_from(count).map_or(Self::Whole(0), Self::from_whole)
    }

    /// Beyond 64 bits the last digits are lost, as they always are in jq.
    pub(crate) fn from_whole(number: i128) -> Self {
        if (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(&number) {
            Self::Whole(number)
        } else {
            Self::Float(number as f64)
        }
    }

    /// `None` for what JSON has no number for. A whole number is written without a fraction, since
    /// readers of `exp` and its kind expect that.
    pub(crate) fn from_float(number: f64) -> Option<Self> {
        if !number.is_finite() {
            None
        } else if number.fract() == 0.0 && number.abs() <= EXACT {
            Some(Self::Whole(number as i128))
        } else {
            Some(Self::Float(number))
        }
    }

    /// As JSON writes one. `None` also for a whole number that would lose digits.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        if digits.bytes().all(|byte| byte.is_ascii_digit()) {
            let number = text.parse().ok()?;
            return match Self::from_whole(number) {
                whole @ Self::Whole(_) => Some(whole),
                Self::Float(_) => None,
            };
        }
        Self::from_float(text.parse().ok()?)
    }

    /// The bytes that it takes in JSON at most.
    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::Whole(number) => {
                let digits = u64::try_from(number.unsigned_abs()).unwrap_or(u64::MAX);
                let more = digits.checked_ilog10().unwrap_or(0).saturating_add(1);
                usize::from(number < 0).saturating_add(usize::try_from(more).unwrap_or(20))
            }
            Self::Float(_) => 24,
        }
    }

    pub(crate) fn to_float(self) -> f64 {
        match self {
            Self::Whole(number) => number as f64,
            Self::Float(number) => number,
        }
    }

    /// Towards zero; what is out of range is the end of the range.
    pub(crate) fn truncate(self) -> i128 {
        match self {
            Self::Whole(number) => number,
            Self::Float(number) => number as i128,
        }
    }

    /// Rounds by `round`. What has no fraction stays as it is.
    pub(crate) fn rounded(self, round: fn(f64) -> f64) -> Option<Self> {
        match self {
            Self::Whole(_) => Some(self),
            Self::Float(number) => Self::from_float(round(number)),
        }
    }

    /// `None` where the result is no number: a division by zero, or one beyond the range.
    pub(crate) fn join(self, operation: Arithmetic, other: Self) -> Option<Self> {
        if let (Self::Whole(left), Self::Whole(right)) = (self, other) {
            let whole = match operation {
                Arithmetic::Add => left.checked_add(right),
                Arithmetic::Subtract => left.checked_sub(right),
                Arithmetic::Multiply => left.checked_mul(right),
                Arithmetic::Divide if right == 0 || left % right != 0 => None,
                Arithmetic::Divide => left.checked_div(right),
                Arithmetic::Remainder => left.checked_rem(right),
            };
            if let Some(whole) = whole {
                return Some(Self::from_whole(whole));
            }
        }
        if operation == Arithmetic::Remainder {
            let whole = self.truncate().checked_rem(other.truncate())?;
            return Some(Self::from_whole(whole));
        }
        let (left, right) = (self.to_float(), other.to_float());
        Self::from_float(match operation {
            Arithmetic::Add => left + right,
            Arithmetic::Subtract => left - right,
            Arithmetic::Multiply => left * right,
            Arithmetic::Divide | Arithmetic::Remainder => left / right,
        })
    }
}

impl Ord for Number {
    /// By value, and exactly: a sort wants a total order.
    fn cmp(&self, other: &Self) -> Ordering {
        match (*self, *other) {
            (Self::Whole(left), Self::Whole(right)) => left.cmp(&right),
            (Self::Float(left), Self::Float(right)) => {
                left.partial_cmp(&right).unwrap_or(Ordering::Equal)
            }
            (Self::Whole(left), Self::Float(right)) => {
                // What `as` cuts off decides where the whole parts are the same.
                let fraction = right.fract();
                left.cmp(&(right as i128))
                    .then_with(|| 0.0.partial_cmp(&fraction).unwrap_or(Ordering::Equal))
            }
            (Self::Float(_), Self::Whole(_)) => other.cmp(self).reverse(),
        }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Number {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_of_64_bits_keep_their_digits() {
        for text in ["0", "-1", "12345678901234567890", "18446744073709551615"] {
            let Some(Number::Whole(number)) = Number::parse(text) else {
                panic!("{text} is whole");
            };
            assert_eq!(number.to_string(), text);
        }
        assert!(Number::parse("18446744073709551616").is_none());
        assert!(Number::parse("-9223372036854775809").is_none());
    }

    #[test]
    fn a_number_is_not_longer_than_it_says() {
        for text in ["0", "-1", "10", "99", "18446744073709551615", "-9223372036854775808"] {
            assert_eq!(Number::parse(text).map(Number::bytes), Some(text.len()), "{text}");
        }
        for float in [f64::MIN, f64::MIN_POSITIVE, -5e-324, -1.234_567_890_123_456_7e-300] {
            let json = serde_json::Number::from_f64(float).unwrap().to_string();
            assert!(json.len() <= Number::from_float(float).unwrap().bytes(), "{json}");
        }
    }

    #[test]
    fn what_json_has_no_number_for_is_none() {
        for float in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(Number::from_float(float).is_none());
        }
        assert!(Number::parse("1e999").is_none());
        let (zero, one) = (Number::Whole(0), Number::Whole(1));
        assert!(one.join(Arithmetic::Divide, zero).is_none());
        assert!(zero.join(Arithmetic::Divide, zero).is_none());
        assert!(one.join(Arithmetic::Remainder, zero).is_none());
        let big = Number::Float(1e308);
        assert!(big.join(Arithmetic::Multiply, big).is_none());
    }

    #[test]
    fn the_order_is_exact_across_both_kinds() {
        let nearly = Number::from_whole(9_007_199_254_740_993);
        assert!(nearly > Number::Float(9_007_199_254_740_992.0));
        assert!(Number::Whole(1) < Number::Float(1.5));
        assert!(Number::Whole(-1) > Number::Float(-1.5));
        assert!(Number::Float(1e300) > Number::from_whole(i128::from(u64::MAX)));
        assert_eq!(Number::from_float(2.0), Some(Number::Whole(2)));
    }

    #[test]
    fn arithmetic_is_exact_where_it_can_be() {
        let max = Number::from_whole(i128::from(u64::MAX));
        assert!(matches!(max.join(Arithmetic::Add, Number::Whole(1)), Some(Number::Float(_))));
        assert!(matches!(max.join(Arithmetic::Multiply, max), Some(Number::Float(_))));
        assert_eq!(max.join(Arithmetic::Subtract, max), Some(Number::Whole(0)));
        let half = Number::Whole(1).join(Arithmetic::Divide, Number::Whole(2));
        assert_eq!(half, Some(Number::Float(0.5)));
        assert_eq!(
            Number::Float(5.9).join(Arithmetic::Remainder, Number::Whole(-2)),
            Some(Number::Whole(1))
        );
    }
}
