/// One step of learning byte pairs: the pair of neighbours that is there most often becomes the
/// token `new`.
///
/// Every place where two tokens stand side by side counts, overlapping ones too. Of pairs that
/// are there equally often the smallest is taken (by its first token, then by its second). Pairs
/// are replaced from left to right, and a token that was used is gone. A text of fewer than two
/// tokens stays as it is.
///
/// Size: fourteen lines. Time: 20 minutes.
pub fn merge_pair(tokens: &[u32], new: u32) -> Vec<u32> {
    let mut counts = std::collections::BTreeMap::new();
    for pair in tokens.windows(2) {
        *counts.entry((pair[0], pair[1])).or_insert(0) += 1;
    }
    // Of equals the last one wins, so the pairs come in falling order.
    let Some((&(one, other), _)) = counts.iter().rev().max_by_key(|&(_, count)| count) else {
        return tokens.to_vec();
    };
    let (mut merged, mut rest) = (Vec::new(), tokens);
    while let [first, after @ ..] = rest {
        let is_pair = *first == one && after.first() == Some(&other);
        merged.push(if is_pair { new } else { *first });
        rest = if is_pair { &after[1..] } else { after };
    }
    merged
}
