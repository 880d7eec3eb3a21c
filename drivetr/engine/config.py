"""Reads a config file: what may stand in it, and a sentence for every key that may not.

A config is a new-style Python file of mmengine (classes are imported, `with read_base():` brings in
another config, no functions or classes of its own). It is code: run only configs you trust.

    from drivetr.models.petr import PETR
    ...
    model = dict(
        type=PETR,
        backbone=dict(type=ResNet, depth=50, init=None),
        neck=dict(type=...),
    )

Every `dict(type=Class, key=value)` becomes `Class(key=value)`, innermost first, so constructors
receive built modules. Keys are checked against the constructor's signature. A list may hold such
dicts. The engine itself understands one more key in any of them, `init`: the path of a state dict
that is loaded into what was built (`drivetr.nn.weights`); `init=None` says "this needs pretrained
weights", and training refuses to start without a path unless `--from-scratch` is given. A dict
without `type` stays a dict.

Names a config may define (`*` must be there); everything else is refused with a hint:

    model *        the detector: detector(images, cameras, [noised=...]) -> (outputs, memory)
    postprocess *  postprocess(outputs) -> list[Detections]
    criterion *    criterion(outputs, targets, cameras) -> dict of weighted losses; their sum is the
                   training loss
    denoising      None, or denoising(targets) -> what the detector takes as `noised` in training
    classes        names in the order of the labels; default: the ten of nuScenes detection. Not
                   handed to anything by itself: pass it to the dataset and the model as well
    train_data *   dict(type=NuScenesDataset, dataroot=..., version=..., split=..., transforms=[...],
    test_data *    <other arguments of the class>, batch_size=2, num_workers=2); batch_size is for
                   each process. The command line's --dataroot, --version and --split replace the
                   entries of `train_data` in `drivetr train`, of `test_data` in `drivetr test`
    optimizer *    dict(type=torch.optim.AdamW, lr=..., <its arguments>, module_lr=dict(backbone=0.1));
                   module_lr multiplies the rate of the parameters under that module of the detector
    schedule *     dict(epochs=24) or dict(iterations=28130), with warmup_iterations=500,
                   warmup_ratio=1/3, min_ratio=1e-3: linear warm-up, then a cosine down to
                   min_ratio of the rate
    reference_batch_size  the number of frames a step that `lr` and `iterations` were chosen for; with
                   another real one (batch_size x processes) the rate is scaled in proportion and
                   `iterations` inversely, and the log says so. None: nothing is scaled
    clip_norm      largest norm of the gradient, None for no limit; default 35
    ema            None, or dict(decay=0.999, warmup=True)
    amp            "off", "bf16" or "fp16"; --amp turns "off" into "bf16"
    seed           of everything random; default 0
    log_interval   iterations between two lines of the log; default 50
    checkpoint     dict(interval=1000, keep=2) in iterations; the last iteration is always saved
"""
