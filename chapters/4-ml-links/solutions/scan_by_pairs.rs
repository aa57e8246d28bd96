/// All prefixes of `items`, of any length, by recursion: join neighbours, scan the half as many, fill in the rest.
///
/// `then(earlier, later)` is associative and does not commute. No result may wait for more than about `2 log₂ n` calls,
/// one after the other.
///
/// Size: nine lines. Time: 20 minutes.
pub fn scan_by_pairs<T: Clone>(items: &[T], then: &dyn Fn(&T, &T) -> T) -> Vec<T> {
    if items.len() < 2 {
        return items.to_vec();
    }
    let pairs: Vec<T> = items.chunks_exact(2).map(|pair| then(&pair[0], &pair[1])).collect();
    let ends = scan_by_pairs(&pairs, then);

    let mut prefixes = vec![items[0].clone()];
    for k in 1..items.len() {
        let end = &ends[(k - 1) / 2];
        prefixes.push(if k % 2 == 1 { end.clone() } else { then(end, &items[k]) });
    }
    prefixes
}
