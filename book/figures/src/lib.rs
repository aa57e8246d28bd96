//! One function a figure.
