//! What every chapter’s command line shares.
