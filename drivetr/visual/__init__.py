"""Drawing on images and in bird's-eye view, and replay writers."""
