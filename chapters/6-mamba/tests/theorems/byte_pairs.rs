//! What is claimed of tokens of a few letters.

use mamba::byte_pairs::BytePairs;
use ml_links::language_model::Alphabet;
use proptest::prelude::*;

const SONG: &str = "Row, row, row your boat, gently down the stream.\nMerrily, merrily, merrily, merrily,\nlife is but a dream.\n";

#[test]
fn what_is_seen_often_becomes_one_token() {
    let song = SONG.repeat(5);
    let bytes = BytePairs::learn(&song, 256).unwrap();
    assert_eq!(bytes.size(), 256);
    assert_eq!(bytes.encode(&song).unwrap().len(), song.len());
    let pairs = BytePairs::learn(&song, 300).unwrap();
    assert_eq!(pairs.size(), 300);
    let tokens = pairs.encode(&song).unwrap();
    assert!(2 * tokens.len() < song.len(), "{} of {}", tokens.len(), song.len());
    assert_eq!(pairs.decode(&tokens), song);
    // No pair is left that is there twice.
    assert!(BytePairs::learn("ab", 300).unwrap().size() == 256);
}

#[test]
fn the_same_text_gives_the_same_tokens() {
    let learn = || BytePairs::learn(SONG, 290).unwrap().to_string();
    assert_eq!(learn(), learn());
}

#[test]
fn what_is_saved_is_a_tokenizer_that_cuts_alike() {
    let folder = tempfile::tempdir().unwrap();
    let pairs = BytePairs::learn(SONG, 290).unwrap();
    pairs.save(folder.path()).unwrap();
    let tokenizer = tokenizers::Tokenizer::from_file(folder.path().join("tokenizer.json")).unwrap();
    let ids = tokenizer.encode(SONG, false).unwrap();
    let ids: Vec<usize> = ids.get_ids().iter().map(|&id| id as usize).collect();
    assert_eq!(ids, pairs.encode(SONG).unwrap());
}

#[test]
fn fewer_tokens_than_bytes_are_refused() {
    assert_eq!(
        BytePairs::learn(SONG, 255).unwrap_err().to_string(),
        "expected the vocabulary of 256 tokens or more, one for each byte, found 255"
    );
    assert_eq!(BytePairs::learn("", 256).unwrap().size(), 256);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_text_is_there_and_back(text in "\\PC{0,40}|[ \n\ta-z]{0,40}") {
        let pairs = BytePairs::learn(SONG, 280).unwrap();
        let tokens = pairs.encode(&text).unwrap();
        prop_assert!(tokens.iter().all(|&token| token < 280));
        prop_assert_eq!(pairs.decode(&tokens), text);
    }
}
