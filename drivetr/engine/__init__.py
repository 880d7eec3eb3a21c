"""The only place that knows mmengine: building, wrappers, hooks, loops."""
