//! Figures of the page `ssd`.

use std::fmt::Write;

use math_foundations::introduction::random_tokens;
use state_space_duality::ssd::{Products, Sizes, SsdError, products, segment_sums};
use state_space_duality::ssd_operations;
use workbench::plot::{Plot, Side};
use workbench::svg::{Anchor, Canvas, Point, Role};

use crate::Figure;

/// The figures of this page.
pub const FIGURES: &[Figure] = &[
    Figure {
        name: "matrix-in-chunks",
        page: "7-state-space-duality/ssd",
        draw: || draw_matrix_in_chunks(&MatrixInChunks::default()),
    },
    Figure {
        name: "fewest-products",
        page: "7-state-space-duality/ssd",
        draw: || draw_fewest_products(&FewestProducts::default()).unwrap_or_default(),
    },
];

/// What the figure `matrix-in-chunks` shows: how loudly each output of a head hears each input.
#[derive(Debug, Clone, PartialEq)]
pub struct MatrixInChunks {
    /// ℓ of each step.
    pub log_decays: Vec<f64>,
    /// Steps of a chunk.
    pub chunk: usize,
    /// Numbers of a key and of a query.
    pub d_state: usize,
    /// Draws keys and queries.
    pub seed: u64,
}

impl Default for MatrixInChunks {
    fn default() -> Self {
        let mut log_decays = vec![-0.09; 24];
        log_decays[9] = -1.2;
        log_decays[20] = -0.8;
        Self { log_decays, chunk: 6, d_state: 4, seed: 3 }
    }
}

/// How many different shades there are.
const SHADES: usize = 12;

/// Triangles of attention along the diagonal, and bands that go through a state.
pub fn draw_matrix_in_chunks(parameters: &MatrixInChunks) -> String {
    let MatrixInChunks { log_decays, chunk, d_state, seed } = parameters;
    let steps = log_decays.len();
    let (keys, queries) =
        (random_tokens(steps, *d_state, 1.0, *seed), random_tokens(steps, *d_state, 1.0, seed + 1));
    let heard = segment_sums(log_decays)
        .map_with_location(|i, j, sum| (sum.exp() * queries[i].dot(&keys[j])).abs());
    let (left, top, side) = (56.0, 46.0, 372.0);
    let cell = side / steps as f64;
    let at = |i: usize, j: usize| -> Point { (left + cell * j as f64, top + cell * i as f64) };
    let mut canvas = Canvas::new(
        640.0,
        top + side + 14.0,
        "The matrix from all inputs to all outputs, in chunks: triangles along the diagonal are attention within a chunk, and the band to \
         the left of each triangle, however wide it is, is read from one state that is handed on from chunk to chunk",
    );
    // Cells of one colour and shade are one path.
    for role in [Role::Input, Role::State] {
        let mut shades = vec![String::new(); SHADES + 1];
        for (i, j) in (0..steps).flat_map(|i| (0..=i).map(move |j| (i, j))) {
            if (i / chunk == j / chunk) == (role == Role::Input) {
                let shade = (SHADES as f64 * (heard[(i, j)] / heard.max()).sqrt()).round();
                let ((x, y), wide) = (at(i, j), cell - 1.0);
                let _ = write!(
                    shades[shade as usize],
                    "M{x:.1} {y:.1}h{wide:.1}v{wide:.1}h-{wide:.1}z"
                );
            }
        }
        for (shade, data) in shades.iter().enumerate().filter(|(_, data)| !data.is_empty()) {
            let opacity = 0.08 + 0.92 * shade as f64 / SHADES as f64;
            canvas.path(role.filled().opacity(opacity), data);
        }
    }
    let starts: Vec<usize> = (0..steps).step_by(*chunk).collect();
    for &from in &starts {
        let to = steps.min(from + chunk);
        let high = cell * (to - from) as f64;
        // The triangle, with its steps.
        let mut outline = vec![at(to, from)];
        outline.extend((from..to).flat_map(|k| [at(k, k), at(k, k + 1)]));
        outline.push(at(to, to));
        canvas.polygon(Role::Input.wide(1.4), &outline);
        if from > 0 {
            canvas.rect(Role::State.wide(1.4), at(from, 0), (cell * from as f64, high), 0.0);
        }
        // From state to state, round the chunk.
        let corner = at(from, to);
        canvas.line(Role::State, at(from, from), corner);
        canvas.arrow(Role::State, corner, (corner.0, at(to, to).1 - 3.0));
    }
    for from in starts.into_iter().chain([steps]) {
        let (x, y) = at(from, from);
        canvas.dot(Role::State, (x, y), 5.0);
        canvas.text(Role::State, (x + 10.0, y - 6.0), Anchor::Start, "X");
    }
    let (first, last) = (at(0, 0), at(steps, steps));
    canvas.text(Role::Input, (first.0 + side / 2.0 - 20.0, 22.0), Anchor::End, "u_j");
    canvas.arrow(
        Role::Input.wide(1.4),
        (first.0 + side / 2.0 - 10.0, 17.0),
        (first.0 + side / 2.0 + 50.0, 17.0),
    );
    let middle = (first.1 + last.1) / 2.0;
    canvas.text(Role::Output, (22.0, middle - 12.0), Anchor::Middle, "y_i");
    canvas.arrow(Role::Output.wide(2.4), (22.0, middle), (22.0, middle + 60.0));
    // What stands in a cell, and what in a band.
    let key = 496.0;
    let triangle = [(key - 34.0, 118.0), (key - 14.0, 138.0), (key - 34.0, 138.0)];
    canvas.polygon(Role::Input.tinted(0.5), &triangle);
    canvas.text(Role::Input, (key, 136.0), Anchor::Start, "e^{S_{ij}} $C_i · B_j$");
    canvas.rect(Role::State.tinted(0.5), (key - 34.0, 166.0), (24.0, 18.0), 0.0);
    canvas.text(Role::State, (key, 182.0), Anchor::Start, "e^{S_i} $X C_i$");
    canvas.finish()
}

/// What the figure `fewest-products` shows: a layer, whose products are counted.
#[derive(Debug, Clone, PartialEq)]
pub struct FewestProducts {
    /// The layer.
    pub sizes: Sizes,
}

impl Default for FewestProducts {
    fn default() -> Self {
        // Of mamba2-130m.
        let sizes =
            Sizes { batch: 1, length: 1024, heads: 24, head_dim: 64, groups: 1, d_state: 128 };
        Self { sizes }
    }
}

/// What each part costs, over the length of a chunk.
///
/// # Errors
/// None for sizes that have steps.
pub fn draw_fewest_products(parameters: &FewestProducts) -> Result<String, SsdError> {
    let sizes = parameters.sizes;
    let length = sizes.length;
    let count = |chunk| products(sizes, chunk);
    let ours = |chunk| ssd_operations::products(sizes, chunk);
    let a_step = |count: usize| count as f64 / length as f64 / 1e3;
    let fewest = |of: &dyn Fn(usize) -> Result<Products, SsdError>| {
        let counted = (1..=length).map(|chunk| Ok((of(chunk)?.all(), chunk)));
        let counted = counted.collect::<Result<Vec<_>, SsdError>>()?;
        Ok(counted.into_iter().min().unwrap_or((0, 1)))
    };
    let best = [fewest(&count)?, fewest(&ours)?];
    let mut chunks: Vec<usize> =
        (0..).map(|power| 1 << power).take_while(|chunk| *chunk <= length).collect();
    chunks.extend(best.map(|(_, chunk)| chunk));
    chunks.sort_unstable();
    let curve = |of: &dyn Fn(usize) -> Result<usize, SsdError>| {
        let point = |chunk: &usize| Ok((*chunk as f64, a_step(of(*chunk)?)));
        chunks.iter().map(point).collect::<Result<Vec<_>, SsdError>>()
    };
    let ticks: Vec<(f64, String)> =
        [1, 4, 16, 64, 256, 1024].map(|chunk| (f64::from(chunk), chunk.to_string())).to_vec();
    let plot = Plot::new(
        "Long chunks multiply much within, short ones hand on many states; between them lies a wide valley, where what a chunk brings and \
         reads costs most, and our tensors have their lowest place at longer chunks than the count",
    )
    .size(640.0, 380.0)
    .log_x()
    .log_y()
    .x_ticks(&ticks)
    .y_range(1.0, 40_000.0)
    .x_label("chunk")
    .y_label("10³ products per step")
    .line(Role::Input.wide(1.8), "within", &curve(&|chunk| Ok(count(chunk)?.within))?)
    .label_at(0.655, Side::Right)
    .line(Role::State, "handed on", &curve(&|chunk| Ok(count(chunk)?.handed_on))?)
    .label_at(0.08, Side::Right)
    .line(Role::State, "brought, read", &curve(&|chunk| {
        let count = count(chunk)?;
        Ok(count.brought + count.read)
    })?)
    .line(Role::Ink.wide(2.8), "all", &curve(&|chunk| Ok(count(chunk)?.all()))?)
    .reference("our tensors", &curve(&|chunk| Ok(ours(chunk)?.all()))?);
    let mark = |plot: Plot, (count, chunk): (usize, usize)| {
        plot.points(Role::Ink, chunk.to_string(), &[(chunk as f64, a_step(count))])
            .label_at(1.0, Side::Above)
    };
    Ok(best.into_iter().fold(plot, mark).to_svg())
}
