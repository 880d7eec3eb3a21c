"""`drivetr train` under the name and the flags that users of mmdetection3d know.

python tools/train.py CONFIG --work-dir W --amp --resume --cfg-options k=v --launcher pytorch
"""

import sys

from mmdet3d_flags import translate

from drivetr.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["train", *translate(sys.argv[1:])]))
