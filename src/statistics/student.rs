//! The upper tail of Student's t distribution in log space.

use super::special::ln_beta_reg;

/// ln P(T >= t) with `freedom` > 0 degrees of freedom: I_{f/(f+t²)}(f/2, 1/2) / 2 for t > 0.
pub fn ln_student_upper(t: f64, freedom: f64) -> f64 {
    let square = t * t;
    let x = freedom / (freedom + square);
    let ln_x = -(square / freedom).ln_1p();
    let ln_y = if square > 0.0 {
        -(freedom / square).ln_1p()
    } else {
        f64::NEG_INFINITY
    };
    if t <= 0.0 {
        let other = if square > 0.0 {
            ln_student_upper(-t, freedom).exp()
        } else {
            0.5
        };
        return (1.0 - other).ln();
    }
    ln_beta_reg(freedom / 2.0, 0.5, x, ln_x, ln_y) - std::f64::consts::LN_2
}

#[cfg(test)]
mod tests {
    use super::*;
    use statrs::distribution::{ContinuousCDF, StudentsT};

    #[test]
    fn agrees_with_statrs_on_both_sides() {
        for freedom in [2.0, 5.0, 40.0] {
            let reference = StudentsT::new(0.0, 1.0, freedom).unwrap();
            for t in [-6.0, -1.0, 0.0, 0.3, 2.0, 9.0] {
                let ours = ln_student_upper(t, freedom).exp();
                assert!(
                    (ours - reference.sf(t)).abs() < 1e-9,
                    "{freedom} {t}: {ours} {}",
                    reference.sf(t)
                );
            }
        }
    }
}
