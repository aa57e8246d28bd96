//! Every snippet of the book as a doc-test.
