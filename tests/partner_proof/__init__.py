"""`make partners`: fulfilment by partners under faults and kills, and what it costs the others, on real servers."""

import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path += [str(TESTS), str(TESTS / "integration" / "lane")]  # the world that the integration tests use is theirs
