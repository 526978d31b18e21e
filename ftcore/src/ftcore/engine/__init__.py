"""The one orchestrator: recipe -> plan -> environment -> worker -> evaluation -> report."""
