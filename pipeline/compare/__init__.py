"""Runs side by side: paired ratios, a terminal table and a page that explains itself."""

from pipeline.compare.cautions import print_cautions
from pipeline.compare.comparison import Comparison, compare
from pipeline.compare.table import print_table

__all__ = ["Comparison", "compare", "print_cautions", "print_table"]
