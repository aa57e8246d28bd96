//! Where tensors live.

use burn::tensor::{Device, DeviceKind, DeviceType};
use clap::{Args, ValueEnum};

use ml_links::training::TrainingError;

/// What computes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Backend {
    /// This machine's processor
    #[default]
    Cpu,
    /// A graphics processor, through wgpu (Vulkan, Metal, DirectX 12)
    Wgpu,
}

/// The flag `--backend`, for the commands that train.
///
/// ```
/// use clap::Parser;
/// use ml_links::training::DeviceArguments;
///
/// #[derive(Parser)]
/// struct Command {
///     #[command(flatten)]
///     device: DeviceArguments,
/// }
///
/// let command = Command::parse_from(["train", "--backend", "cpu"]);
/// assert!(!command.device.device()?.is_autodiff());
/// # Ok::<(), ml_links::training::TrainingError>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Args)]
pub struct DeviceArguments {
    /// What computes
    #[arg(long, value_enum, default_value_t)]
    pub backend: Backend,
}

impl DeviceArguments {
    /// The device; for training, ask it for `.autodiff()`.
    ///
    /// # Errors
    /// [`TrainingError::NoAdapter`] where wgpu finds nothing to compute on.
    pub fn device(&self) -> Result<Device, TrainingError> {
        match self.backend {
            Backend::Cpu => Ok(Device::flex()),
            Backend::Wgpu if Device::enumerate(DeviceType::Wgpu).is_empty() => {
                Err(TrainingError::NoAdapter)
            }
            Backend::Wgpu => Ok(Device::wgpu(DeviceKind::default())),
        }
    }
}
