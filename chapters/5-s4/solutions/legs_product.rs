/// `A x` for the A of HiPPO-LegS, without A: `a_nk = -√(2n+1)√(2k+1)` below the
/// diagonal, `-(n+1)` on it, 0 above.
///
/// `x` may have any length. One pass over it is enough: a thousand states need not cost
/// a million products.
///
/// Size: six lines. Time: 10 minutes.
pub fn legs_product(x: &[f64]) -> Vec<f64> {
    let mut sum = 0.0;
    let row = |(n, x_n): (usize, &f64)| {
        let (root, above) = (((2 * n + 1) as f64).sqrt(), sum);
        sum += root * x_n;
        -((n + 1) as f64) * x_n - root * above
    };
    x.iter().enumerate().map(row).collect()
}
