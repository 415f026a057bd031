//! Medians of several runs, and how far they lie apart.

/// Values of the same thing in several runs.
#[derive(Clone, Debug, Default)]
pub struct Samples(Vec<f64>);

impl Samples {
    /// One more.
    pub fn add(&mut self, value: f64) {
        if value.is_finite() {
            self.0.push(value);
            self.0.sort_by(f64::total_cmp);
        }
    }

    /// The middle one; of an even number, the mean of both in the middle.
    #[must_use]
    pub fn median(&self) -> Option<f64> {
        let half = self.0.len() / 2;
        let upper = *self.0.get(half)?;
        if self.0.len().is_multiple_of(2) {
            Some((self.0[half - 1] + upper) / 2.0)
        } else {
            Some(upper)
        }
    }

    /// The largest less the smallest, as a part of the median.
    #[must_use]
    pub fn spread(&self) -> Option<f64> {
        let (first, last) = (self.0.first()?, self.0.last()?);
        Some((last - first) / self.median()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_and_a_spread() {
        let mut samples = Samples::default();
        assert_eq!((samples.median(), samples.spread()), (None, None));
        for value in [3.0, f64::NAN, 1.0, 2.0] {
            samples.add(value);
        }
        assert_eq!(samples.median(), Some(2.0));
        assert_eq!(samples.spread(), Some(1.0));
        samples.add(4.0);
        assert_eq!(samples.median(), Some(2.5));
    }
}
