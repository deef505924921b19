// The commands of `omma`: one function and one file each. argv[0] is the command's name; the return
// value is the exit code of the process.

#pragma once

int om_cmd_bench(int argc, char **argv);
int om_cmd_camera(int argc, char **argv);
int om_cmd_check(int argc, char **argv);
int om_cmd_detect(int argc, char **argv);
int om_cmd_docs(int argc, char **argv);
int om_cmd_doctor(int argc, char **argv);
int om_cmd_events(int argc, char **argv);
int om_cmd_model(int argc, char **argv);
int om_cmd_run(int argc, char **argv);
int om_cmd_track(int argc, char **argv);
int om_cmd_version(int argc, char **argv);
