"""Programmes: YAML and CEL, checked whole, bundled under a hash, compiled for the core."""

from pipeline.program.bundle import Bundle, BundleRefused
from pipeline.program.compiler import check, compile_bundle, load_program
from pipeline.program.problems import Problem, ProgramRefused

__all__ = ["Bundle", "BundleRefused", "Problem", "ProgramRefused", "check", "compile_bundle", "load_program"]
