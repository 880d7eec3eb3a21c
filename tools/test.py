"""`drivetr test` under the name and the flags that users of mmdetection3d know.

python tools/test.py CONFIG CHECKPOINT --work-dir W --cfg-options k=v --launcher pytorch
"""

import sys

from mmdet3d_flags import translate

from drivetr.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["test", *translate(sys.argv[1:])]))
