# The template of a Homebrew formula: `cargo xtask release --page` fills it in once all four archives exist.
# Not tried yet with Homebrew.
class TodoBootstrap < Formula
  desc "Sets up a verified, working Todo Chatbot on Kubernetes in one command"
  homepage "@PAGE@"
  version "@VERSION@"
  license "Apache-2.0"

  on_macos do
    on_arm do
      url "@PAGE@/releases/download/v@VERSION@/todo-bootstrap-@VERSION@-aarch64-apple-darwin.tar.gz"
      sha256 "@aarch64-apple-darwin@"
    end
    on_intel do
      url "@PAGE@/releases/download/v@VERSION@/todo-bootstrap-@VERSION@-x86_64-apple-darwin.tar.gz"
      sha256 "@x86_64-apple-darwin@"
    end
  end

  on_linux do
    on_arm do
      url "@PAGE@/releases/download/v@VERSION@/todo-bootstrap-@VERSION@-aarch64-unknown-linux-musl.tar.gz"
      sha256 "@aarch64-unknown-linux-musl@"
    end
    on_intel do
      url "@PAGE@/releases/download/v@VERSION@/todo-bootstrap-@VERSION@-x86_64-unknown-linux-musl.tar.gz"
      sha256 "@x86_64-unknown-linux-musl@"
    end
  end

  def install
    bin.install "todo-bootstrap"
    generate_completions_from_executable(bin/"todo-bootstrap", "completions")
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/todo-bootstrap --version")
  end
end
