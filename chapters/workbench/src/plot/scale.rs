//! One axis: its range, its ticks, their words.

/// An axis of a plot.
#[derive(Debug, Clone, Default)]
pub(super) struct Axis {
    pub label: String,
    pub logarithmic: bool,
    pub range: Option<(f64, f64)>,
    pub ticks: Option<Vec<(f64, String)>>,
}

impl Axis {
    /// Whether a value has a place on this axis: far enough from the ends of `f64` to have margins.
    pub fn shows(&self, value: f64) -> bool {
        value.abs() <= 1e300 && (!self.logarithmic || value >= 1e-300)
    }

    /// The chosen range, or that of the values with a margin; never empty, and finite.
    pub fn range_of(&self, values: impl Iterator<Item = f64>, margin: f64) -> (f64, f64) {
        if let Some((from, to)) = self.range
            && self.shows(from)
            && self.shows(to)
            && from < to
        {
            return (from, to);
        }
        let (low, high) = values
            .filter(|value| self.shows(*value))
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
                (low.min(value), high.max(value))
            });
        if low > high {
            return if self.logarithmic { (0.1, 10.0) } else { (0.0, 1.0) };
        }
        if self.logarithmic {
            let (low, high) = (low.log10(), high.log10());
            let margin = if high - low < 1e-9 { 0.5 } else { margin * (high - low) };
            return (10_f64.powf(low - margin).max(1e-300), 10_f64.powf(high + margin).min(1e300));
        }
        let spread = high - low;
        if spread <= 1e-12 * low.abs().max(high.abs()) {
            // A constant has no range of its own: show as much again on both sides.
            let around = if low == 0.0 { 1.0 } else { 0.5 * low.abs() };
            return (low - around, high + around);
        }
        (low - margin * spread, high + margin * spread)
    }

    /// Where in the range a value lies: 0 at its start, 1 at its end.
    pub fn fraction(&self, value: f64, range: (f64, f64)) -> f64 {
        if self.logarithmic {
            (value.log10() - range.0.log10()) / (range.1.log10() - range.0.log10())
        } else {
            (value - range.0) / (range.1 - range.0)
        }
    }

    /// The value at a fraction of the range.
    pub fn value(&self, fraction: f64, range: (f64, f64)) -> f64 {
        if self.logarithmic {
            let (low, high) = (range.0.log10(), range.1.log10());
            10_f64.powf(low + fraction * (high - low))
        } else {
            range.0 + fraction * (range.1 - range.0)
        }
    }

    /// Ticks and their words: those chosen, or about `count` round ones.
    pub fn ticks_in(&self, range: (f64, f64), count: f64) -> Vec<(f64, String)> {
        if let Some(ticks) = &self.ticks {
            let inside = |value: f64| (-1e-9..=1.0 + 1e-9).contains(&self.fraction(value, range));
            return ticks.iter().filter(|(value, _)| inside(*value)).cloned().collect();
        }
        let count = count.max(2.0);
        if self.logarithmic { decades(range, count) } else { round_numbers(range, count) }
    }
}

/// Powers of ten; round numbers where the range holds fewer than two of them.
fn decades(range: (f64, f64), count: f64) -> Vec<(f64, String)> {
    let first = (range.0.log10() - 1e-9).ceil() as i32;
    let last = (range.1.log10() + 1e-9).floor() as i32;
    if last - first < 1 {
        return round_numbers(range, count).into_iter().filter(|tick| tick.0 > 0.0).collect();
    }
    let wanted = (f64::from(last - first) / count).ceil() as i32;
    let stride =
        [1, 2, 3, 4, 5, 6, 8, 10, 20, 50, 100].into_iter().find(|s| *s >= wanted).unwrap_or(100);
    // A stride starts at a multiple of itself, so that 10^0 is among the ticks.
    (first..=last)
        .filter(|exponent| exponent % stride == 0)
        .map(|exponent| (10_f64.powi(exponent), format!("10^{{{exponent}}}")))
        .collect()
}

/// Multiples of 1, 2 or 5 times a power of ten.
fn round_numbers(range: (f64, f64), count: f64) -> Vec<(f64, String)> {
    let rough = (range.1 - range.0) / count;
    if !rough.is_finite() || rough < 1e-300 {
        return Vec::new();
    }
    let power = rough.log10().floor();
    let unit = 10_f64.powf(power);
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * unit)
        .find(|step| *step >= rough * (1.0 - 1e-9))
        .unwrap_or(10.0 * unit);
    let slack = 1e-6;
    let first = (range.0 / step - slack).ceil();
    let last = (range.1 / step + slack).floor();
    if last - first > 100.0 {
        return Vec::new();
    }
    let mut ticks = Vec::new();
    let mut index = first;
    while index <= last {
        ticks.push(index * step);
        index += 1.0;
    }
    let largest = ticks.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
    ticks.into_iter().map(|value| (value, words(value, step, largest))).collect()
}

/// A tick's number, with as many digits as its neighbours need to differ.
fn words(value: f64, step: f64, largest: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    if largest >= 1e5 || step < 0.9e-4 {
        let exponent = largest.log10().floor() as i32;
        let unit = 10_f64.powi(exponent);
        let decimals = (-(step / unit).log10().floor() - 1e-9).ceil().max(0.0) as usize;
        let mantissa = format!("{:.*}", decimals, value / unit);
        return match mantissa.as_str() {
            "1" => format!("10^{{{exponent}}}"),
            "-1" => format!("-10^{{{exponent}}}"),
            _ => format!("{mantissa}·10^{{{exponent}}}"),
        };
    }
    let decimals = (-(step * (1.0 + 1e-9)).log10().floor()).max(0.0) as usize;
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(range: (f64, f64), count: f64) -> Vec<String> {
        Axis::default().ticks_in(range, count).into_iter().map(|tick| tick.1).collect()
    }

    #[test]
    fn ticks_are_multiples_of_one_two_or_five() {
        assert_eq!(texts((0.0, 10.0), 5.0), ["0", "2", "4", "6", "8", "10"]);
        assert_eq!(texts((-1.0, 1.0), 4.0), ["-1.0", "-0.5", "0", "0.5", "1.0"]);
        assert_eq!(texts((0.0, 0.3), 3.0), ["0", "0.1", "0.2", "0.3"]);
        assert_eq!(texts((95.0, 131.0), 4.0), ["100", "110", "120", "130"]);
        assert_eq!(texts((0.0, 300_000.0), 3.0), ["0", "10^{5}", "2·10^{5}", "3·10^{5}"]);
    }

    #[test]
    fn logarithmic_ticks_are_decades_and_thin_out() {
        let axis = Axis { logarithmic: true, ..Axis::default() };
        let texts = |range, count| -> Vec<String> {
            axis.ticks_in(range, count).into_iter().map(|tick| tick.1).collect()
        };
        assert_eq!(texts((0.01, 10.0), 5.0), ["10^{-2}", "10^{-1}", "10^{0}", "10^{1}"]);
        assert_eq!(
            texts((1e-16, 1.0), 4.0),
            ["10^{-16}", "10^{-12}", "10^{-8}", "10^{-4}", "10^{0}"]
        );
        assert_eq!(texts((2.0, 8.0), 3.0), ["2", "4", "6", "8"]);
    }

    #[test]
    fn every_range_is_finite_and_not_empty() {
        let axis = Axis::default();
        let cases: [&[f64]; 6] =
            [&[], &[3.0, 3.0], &[0.0], &[f64::NAN], &[f64::MAX, f64::MIN], &[1e-320, 2e-320]];
        for values in cases {
            for logarithmic in [false, true] {
                let axis = Axis { logarithmic, ..axis.clone() };
                let (low, high) = axis.range_of(values.iter().copied(), 0.05);
                assert!(low < high && low.is_finite() && high.is_finite(), "{values:?}");
                assert!(axis.fraction(0.5 * low + 0.5 * high, (low, high)).is_finite());
                axis.ticks_in((low, high), 5.0);
            }
        }
    }
}
