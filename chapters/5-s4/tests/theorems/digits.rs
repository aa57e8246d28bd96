//! Files of digits: what is read, and what is refused in which words.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use s4::digits::{DataArguments, Digits, DigitsError, PIXELS};
use tempfile::TempDir;

/// An IDX file of bytes.
fn idx(sizes: &[u32], bytes: &[u8]) -> Vec<u8> {
    let mut file = vec![0, 0, 8, sizes.len() as u8];
    sizes.iter().for_each(|size| file.extend(size.to_be_bytes()));
    file.extend(bytes);
    file
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

/// Picture `i` is full of the grey `10 i`.
fn images(count: usize) -> Vec<u8> {
    let pixels: Vec<u8> = (0..count * PIXELS).map(|i| (10 * (i / PIXELS)) as u8).collect();
    idx(&[count as u32, 28, 28], &pixels)
}

fn labels(labels: &[u8]) -> Vec<u8> {
    idx(&[labels.len() as u32], labels)
}

const IMAGES: &str = "train-images-idx3-ubyte";
const LABELS: &str = "train-labels-idx1-ubyte";

/// A folder with three digits to learn from and two to be tested on, in which one file is another.
fn folder_but(name: &str, contents: &[u8]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (file, bytes) in [
        (IMAGES, images(3)),
        (LABELS, labels(&[5, 0, 9])),
        ("t10k-images-idx3-ubyte", images(2)),
        ("t10k-labels-idx1-ubyte", labels(&[7, 2])),
    ] {
        let bytes = if file == name { contents.to_vec() } else { bytes };
        fs::write(folder.path().join(file), bytes).unwrap();
    }
    folder
}

/// What is said about a folder in which one file is this.
fn refusal(name: &str, contents: &[u8]) -> String {
    Digits::load(folder_but(name, contents).path()).unwrap_err().to_string()
}

#[track_caller]
fn says(name: &str, contents: &[u8], sentence: &str) {
    let said = refusal(name, contents);
    assert!(said.contains(sentence), "expected `{sentence}`, found `{said}`");
}

#[test]
fn packed_plain_and_renamed_files_are_the_same_digits() {
    let plain = folder_but("", &[]);
    let (train, test) = Digits::load(plain.path()).unwrap();
    assert_eq!((train.labels(), test.labels()), (&[5, 0, 9][..], &[7, 2][..]));
    assert_eq!((train.image(2), train.label(2)), (&[20; PIXELS][..], 9));
    assert_eq!(test.images().map(|image| image[783]).collect::<Vec<_>>(), [0, 10]);

    let other = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(other.path().join(name), bytes).unwrap();
    write("train-images-idx3-ubyte.gz", &gzip(&images(3)));
    // A browser has unpacked it and left the name; another has kept both parts of a gzip file in two members.
    write("train-labels-idx1-ubyte.gz", &labels(&[5, 0, 9]));
    let pixels = images(2);
    write("t10k-images.idx3-ubyte", &[gzip(&pixels[..500]), gzip(&pixels[500..])].concat());
    write("t10k-labels.idx1-ubyte", &labels(&[7, 2]));
    assert_eq!(Digits::load(other.path()).unwrap(), (train, test));
}

#[test]
fn another_kind_of_file_is_refused() {
    says(
        IMAGES,
        b"<html>404</html>",
        "expected it to begin with the magic number 0x00000803, found 0x3c68746d",
    );
    says(
        IMAGES,
        &labels(&[1]),
        "expected it to begin with the magic number 0x00000803, found 0x00000801",
    );
    says(
        LABELS,
        &images(1),
        "expected it to begin with the magic number 0x00000801, found 0x00000803",
    );
    let of_floats = [&[0, 0, 0x0d, 3][..], &[0; 100]].concat();
    says(IMAGES, &of_floats, "found 0x00000d03");
}

#[test]
fn a_file_that_ends_too_early_or_too_late_is_refused() {
    let whole = images(3);
    for length in [0, 3, 4, 15] {
        says(IMAGES, &whole[..length], "expected a header of 16 bytes, found the end of the file");
    }
    let cut = "it is cut short: expected 2352 bytes after the header, found";
    for length in [16, 17, 1000, 2352 + 15] {
        says(IMAGES, &whole[..length], &format!("{cut} {}", length - 16));
    }
    says(IMAGES, &[&whole[..], &[0]].concat(), "expected 2352 bytes after the header, found more");
    says(
        LABELS,
        &labels(&[5, 0, 9])[..10],
        "it is cut short: expected 3 bytes after the header, found 2",
    );
}

#[test]
fn a_damaged_gzip_file_is_refused() {
    let whole = gzip(&images(3));
    for length in [2, 9, 12, whole.len() / 2, whole.len() - 9, whole.len() - 1] {
        let said = refusal(IMAGES, &whole[..length]);
        let expected = ["cut short", "the end of the file", "damaged"];
        assert!(expected.iter().any(|word| said.contains(word)), "{length}: {said}");
    }
    // A flipped bit: in the packed bytes, in the sum at the end.
    for place in [20, whole.len() - 6] {
        let mut damaged = whole.clone();
        damaged[place] ^= 4;
        let said = refusal(IMAGES, &damaged);
        assert!(said.contains("damaged") || said.contains("cut short"), "{place}: {said}");
    }
    let mut sum = whole.clone();
    let last = sum.len() - 6;
    sum[last] ^= 1;
    says(IMAGES, &sum, "it is damaged");
}

#[test]
fn a_header_that_lies_reserves_no_memory() {
    let header = idx(&[u32::MAX, 28, 28], &[]);
    says(IMAGES, &header, "found a header that announces 4294967295 x 28 x 28");
    let header = idx(&[u32::MAX; 3], &[]);
    says(IMAGES, &header, "found a header that announces 4294967295 x 4294967295 x 4294967295");
    let header = idx(&[900_000, 28, 28], &[1, 2, 3]);
    says(IMAGES, &header, "it is cut short: expected 705600000 bytes after the header, found 3");
}

#[test]
fn pictures_of_another_size_are_refused() {
    let pixels = vec![0; 3 * PIXELS];
    says(IMAGES, &idx(&[3, 14, 56], &pixels), "expected pictures of 28 x 28 pixels in ");
    says(IMAGES, &idx(&[3, 14, 56], &pixels), "train-images-idx3-ubyte, found 14 x 56");
    says(IMAGES, &idx(&[1, 32, 32], &[0; 1024]), "found 32 x 32");
}

#[test]
fn labels_must_be_digits_and_as_many_as_pictures() {
    let labelled = |list: &[u8], sentence: &str| says(LABELS, &labels(list), sentence);
    labelled(
        &[5, 0],
        "expected as many labels as pictures, found 3 pictures and 2 labels in the files train-…",
    );
    labelled(&[5, 0, 9, 9], "found 3 pictures and 4 labels");
    labelled(
        &[5, 10, 255],
        "expected labels from 0 to 9, found label 10 for picture 1 in the files train-…",
    );
    assert!(matches!(Digits::new(vec![0; 700], vec![1]), Err(DigitsError::Pixels(700))));
    let none = folder_but(IMAGES, &images(0));
    fs::write(none.path().join(LABELS), labels(&[])).unwrap();
    let said = Digits::load(none.path()).unwrap_err().to_string();
    assert!(said.starts_with("expected at least one picture in the folder "), "{said}");
}

#[test]
fn a_missing_file_is_named_by_all_its_names() {
    let folder = folder_but("", &[]);
    fs::remove_file(folder.path().join(LABELS)).unwrap();
    let said = Digits::load(folder.path()).unwrap_err().to_string();
    let names = "expected one of train-labels-idx1-ubyte.gz, train-labels-idx1-ubyte, train-labels.idx1-ubyte.gz, \
                 train-labels.idx1-ubyte in the folder ";
    assert!(said.starts_with(names), "{said}");
    let said = Digits::load(Path::new("no/such/folder")).unwrap_err().to_string();
    assert_eq!(
        said,
        "expected `strokes`, `mnist` or a folder with the files of MNIST, found no folder no/such/folder"
    );
}

#[test]
fn data_may_be_strokes_or_a_folder_and_fewer_of_either() {
    let data =
        |data: &str, digits, test_digits| DataArguments { data: data.into(), digits, test_digits };
    let (train, test) = data("strokes", Some(30), Some(20)).open(5).unwrap();
    assert_eq!((train.len(), test.len()), (30, 20));
    // The test is never what was learned.
    assert!(test.images().all(|image| train.images().all(|other| other != image)));
    assert_eq!(data("strokes", Some(30), Some(20)).open(5).unwrap(), (train, test));

    let folder = folder_but("", &[]);
    let path = folder.path().to_str().unwrap();
    let (train, test) = data(path, Some(2), None).open(5).unwrap();
    assert_eq!((train.labels(), test.labels()), (&[5, 0][..], &[7, 2][..]));
    assert_eq!(data(path, Some(99), Some(1)).open(5).unwrap().1.len(), 1);
}
