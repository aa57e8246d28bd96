//! Figures of the page `applications`.

use math_foundations::validation::InputError;
use state_space_duality::applications::Facts;
use workbench::plot::Plot;
use workbench::svg::Role;

use crate::Figure;

/// The figures of this page.
pub const FIGURES: &[Figure] = &[Figure {
    name: "asked-for",
    page: "7-state-space-duality/applications",
    draw: || draw_asked_for(&AskedFor::default()).unwrap_or_default(),
}];

/// What the figure `asked-for` shows: how many of the pairs that were filed are found again.
#[derive(Debug, Clone, PartialEq)]
pub struct AskedFor {
    /// Numbers of a key: a curve for each.
    pub widths: Vec<usize>,
    /// Different values.
    pub symbols: usize,
    /// How many pairs are filed.
    pub pairs: Vec<usize>,
    /// How often each point is drawn; the mean counts.
    pub trials: u64,
}

impl Default for AskedFor {
    fn default() -> Self {
        let pairs = (0..=18).map(|i| (8.0 * 2_f64.powf(0.5 * f64::from(i))).round() as usize);
        Self { widths: vec![16, 64, 256], symbols: 64, pairs: pairs.collect(), trials: 4 }
    }
}

/// A curve for each width of a state, and one for a cache.
///
/// # Errors
/// [`InputError`] for no pairs, no symbols, no width.
pub fn draw_asked_for(parameters: &AskedFor) -> Result<String, InputError> {
    let AskedFor { widths, symbols, pairs, trials } = parameters;
    let mean = |count: usize, width: usize, share: &dyn Fn(&Facts) -> f64| {
        let shares =
            (0..*trials).map(|seed| Ok(share(&Facts::draw(count, width, *symbols, seed)?)));
        Ok(shares.sum::<Result<f64, InputError>>()? / *trials as f64)
    };
    let curve = |width: usize, share: &dyn Fn(&Facts) -> f64| {
        let point = |&count: &usize| Ok((count as f64, 100.0 * mean(count, width, share)?));
        pairs.iter().map(point).collect::<Result<Vec<_>, InputError>>()
    };
    let by_cache = |facts: &Facts| facts.share_recalled(|key| facts.look_up(key, 100.0));
    let by_state = |facts: &Facts| {
        let state = facts.state();
        facts.share_recalled(|key| &state * key)
    };
    let mut plot = Plot::new(
        "A cache finds every pair again, however many there are; a state finds all of them up to a number that grows with its \
         width, and then hardly any",
    )
    .x_label("pairs")
    .y_label("found again, %")
    .log_x()
    .y_range(0.0, 108.0);
    if let Some(&width) = widths.first() {
        plot = plot.line(Role::Output, "cache", &curve(width, &by_cache)?);
    }
    for &width in widths {
        plot = plot.line(Role::State, format!("N = {width}"), &curve(width, &by_state)?);
    }
    Ok(plot.to_svg())
}
