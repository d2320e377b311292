# Judges mails by SpamAssassin's local rules: of each file that a line names, a line with
# the score and the rules that it meets.
use strict;
use warnings;
use Mail::SpamAssassin;

$| = 1;
my $judge = Mail::SpamAssassin->new({ local_tests_only => 1 });
while (my $name = <STDIN>) {
  chomp $name;
  open my $file, '<:raw', $name or die "$name: $!";
  my $status = $judge->check($judge->parse([<$file>]));
  printf "%s %s\n", $status->get_score(), $status->get_names_of_tests_hit();
  $status->finish();
}
