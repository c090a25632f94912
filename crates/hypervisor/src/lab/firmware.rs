//! What the firmware of lab VMs keeps: a file beside the description, where somebody put one.

use std::{io, path::PathBuf};

use model::{PowerState, VmRef};

use super::{Lab, meta};
use crate::{FirmwareState, PlatformError};

impl Lab {
    fn firmware_file(&self, vm: &VmRef) -> PathBuf {
        meta::vm_dir(self.data_dir(), vm).join("firmware.json")
    }

    /// See [`crate::Platform::firmware_state`].
    pub(super) fn read_firmware(&self, vm: &VmRef) -> Result<FirmwareState, PlatformError> {
        self.cell(vm)?;
        match meta::load(&self.firmware_file(vm)) {
            Err(PlatformError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Ok(FirmwareState::default())
            }
            loaded => loaded,
        }
    }

    /// See [`crate::Platform::set_firmware_state`].
    pub(super) fn write_firmware(
        &self,
        vm: &VmRef,
        state: &FirmwareState,
    ) -> Result<Vec<String>, PlatformError> {
        if self.cell(vm)?.file().power != PowerState::Off {
            return Err(PlatformError::MustBeOff { vm: vm.clone() });
        }
        let kept = FirmwareState {
            left: Vec::new(),
            ..state.clone()
        };
        meta::save(&self.firmware_file(vm), &kept)?;
        Ok(Vec::new())
    }
}
