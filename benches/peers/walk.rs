//! Threshold random walk over first contacts (Jung, Paxson, Berger and Balakrishnan, Fast
//! portscan detection using sequential hypothesis testing, 2004).
//!
//! Each first contact of a source with an object is a hit or a miss. The logarithm of the
//! likelihood ratio of "scanner" over "benign" goes up by ln((1-θ1)/(1-θ0)) at a miss and down by
//! ln(θ1/θ0) at a hit; at ln((1-β)/α) the source is a scanner, at ln(β/(1-α)) it is benign and is
//! not looked at any more. θ0 = 0.8, θ1 = 0.2, α = β = 0.01 are the classic parameters.

/// Chances of a hit for the benign and for a scanner, and the errors allowed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parameters {
    pub(crate) benign: f64,
    pub(crate) scanner: f64,
    pub(crate) false_positive: f64,
    pub(crate) false_negative: f64,
}

/// As published.
pub(crate) const CLASSIC: Parameters = Parameters {
    benign: 0.8,
    scanner: 0.2,
    false_positive: 0.01,
    false_negative: 0.01,
};

/// One source's walk.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Walk {
    ratio: f64,
    is_benign: bool,
}

impl Walk {
    /// Takes a first contact; gives the logarithm of the ratio, or nothing once it is benign.
    pub(crate) fn step(&mut self, hit: bool, parameters: &Parameters) -> Option<f64> {
        if self.is_benign {
            return None;
        }
        let Parameters {
            benign, scanner, ..
        } = *parameters;
        self.ratio += if hit {
            (scanner / benign).ln()
        } else {
            ((1.0 - scanner) / (1.0 - benign)).ln()
        };
        self.is_benign = self.ratio <= parameters.lower();
        Some(self.ratio)
    }
}

impl Parameters {
    /// From here on a source is a scanner.
    pub(crate) fn upper(&self) -> f64 {
        ((1.0 - self.false_negative) / self.false_positive).ln()
    }

    /// From here on it is benign.
    pub(crate) fn lower(&self) -> f64 {
        (self.false_negative / (1.0 - self.false_positive)).ln()
    }
}
