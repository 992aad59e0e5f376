"""The emergency: read the production database on Azure once, and never write to it.

The only part of this project that connects to an address outside this machine.
"""
