"""What `drivetr doctor` examines: environment, dataset and index, checkpoint, disk and memory."""
