"""`python -m pipeline.wire.codegen`: writes the generated files, even if they are too broken for `accrue` to start."""

from pipeline.wire.codegen.files import write

if __name__ == "__main__":
    for path in write():
        print(path)  # noqa: T201 - it is what the command is for
