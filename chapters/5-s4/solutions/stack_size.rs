/// How many parameters a stack has: `layers` blocks of `d_model` channels with
/// `d_state` states, a norm after the last, and nothing before or after it.
///
/// A channel's memory keeps half as many modes as it has states (the other half are
/// their conjugates), four numbers for each mode (the real and the imaginary parts of λ
/// and of c), one Δ and one d. The mixture has a weight from every channel to twice as
/// many, and as many biases; a norm has two numbers a channel.
///
/// Size: four lines. Time: 10 minutes.
pub fn stack_size(layers: usize, d_model: usize, d_state: usize) -> usize {
    let memory = d_model * (4 * (d_state / 2) + 2);
    let mixture = d_model * 2 * d_model + 2 * d_model;
    let norm = 2 * d_model;
    layers * (memory + mixture + norm) + norm
}
