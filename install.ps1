# Untested: no Windows machine was at hand. It was reviewed line by line, and never run; whether the
# program itself builds for Windows was not tried either.
#
# Installs a published todo-bootstrap.exe for the current user; its checksum must be right. The
# program needs a container engine with Linux containers, which on Windows means WSL 2: there,
# install.sh is the better choice (`wsl --install`).
#
#   irm https://github.com/todo-bootstrap/todo-bootstrap/releases/latest/download/install.ps1 | iex
#   .\install.ps1 [-Version VERSION] [-Sha256 HEX] [-Dir DIR] [-Uninstall]
#
# -Dir      where the program goes (default: $env:TODO_BOOTSTRAP_INSTALL_DIR, else
#           %LOCALAPPDATA%\Programs\todo-bootstrap)
# -Version  default: $env:TODO_BOOTSTRAP_VERSION, else the latest
# -Sha256   the archive must have this checksum, whatever SHA256SUMS says
#
# Releases come from GitHub, or from $env:TODO_BOOTSTRAP_BASE_URL: an https:// address, a folder, or
# http:// on this very machine. PATH is not changed. Windows PowerShell 5.1 or newer.
param(
    [string]$Version = $env:TODO_BOOTSTRAP_VERSION,
    [string]$Sha256 = '',
    [string]$Dir = $env:TODO_BOOTSTRAP_INSTALL_DIR,
    [switch]$Uninstall
)

function Install-TodoBootstrap {
    param([string]$Version, [string]$Sha256, [string]$Dir, [bool]$Uninstall)

    # These hold in here only: `iex` runs in the user's own session, which must stay as it is.
    Set-StrictMode -Version 2
    $ErrorActionPreference = 'Stop'
    $ProgressPreference = 'SilentlyContinue' # its drawing makes downloads in 5.1 many times slower

    $name = 'todo-bootstrap'
    $page = "https://github.com/$name/$name"

    function Stop-With([string]$Message, [string]$Help) {
        throw "$Message`n  help: $Help"
    }

    # What runs here: the processor of the machine, also where this PowerShell is emulated.
    function Get-Target {
        # Absent but in Windows PowerShell before 6, which is on Windows only.
        if ((Test-Path Variable:IsWindows) -and -not (Get-Variable IsWindows -ValueOnly)) {
            Stop-With 'this is not Windows' "curl -fsSL $page/releases/latest/download/install.sh | sh"
        }
        # PROCESSOR_ARCHITEW6432 is there only in a 32-bit process. An emulated x64 process on ARM64
        # sees AMD64 in both; the registry's value is the machine's.
        $key = 'HKLM:\SYSTEM\CurrentControlSet\Control\Session Manager\Environment'
        $cpu = (Get-ItemProperty -Path $key -Name PROCESSOR_ARCHITECTURE).PROCESSOR_ARCHITECTURE
        switch ($cpu) {
            'AMD64' { return 'x86_64-pc-windows-msvc' }
            'ARM64' { return 'aarch64-pc-windows-msvc' }
        }
        Stop-With "nothing is published for $cpu, only for AMD64 and ARM64" 'wsl --install   (on a 64-bit Windows)'
    }

    # In the clear, only this very machine is asked.
    function Get-Base {
        $base = "$page/releases"
        if ($env:TODO_BOOTSTRAP_BASE_URL) { $base = $env:TODO_BOOTSTRAP_BASE_URL.TrimEnd('/', '\') }
        if ($base -notmatch '^[A-Za-z][A-Za-z0-9+.-]+://') {
            if (-not (Test-Path -LiteralPath $base -PathType Container)) {
                Stop-With "there is no folder $base" 'set TODO_BOOTSTRAP_BASE_URL to https://HOST/PATH, or a folder'
            }
            return (Resolve-Path -LiteralPath $base).ProviderPath
        }
        $uri = [Uri]$base
        $allowed = $uri.Scheme -eq 'https' -or ($uri.Scheme -eq 'http' -and $uri.IsLoopback)
        if (-not $allowed -or $uri.UserInfo) {
            Stop-With "releases are not taken from $($uri.Scheme)://$($uri.Host)" 'set TODO_BOOTSTRAP_BASE_URL to https://HOST/PATH, or a folder'
        }
        return $base
    }

    # Path below the base into a file. Redirects are followed by hand: Windows PowerShell would go on
    # from https:// to http:// without a word.
    function Get-File([string]$Base, [string]$Path, [string]$File) {
        if ($Base -notmatch '^https?://') {
            Copy-Item -LiteralPath (Join-Path $Base $Path) -Destination $File
            return
        }
        $uri = [Uri]"$Base/$Path"
        for ($hop = 0; $hop -le 5; $hop++) {
            $request = [Net.HttpWebRequest][Net.WebRequest]::Create($uri)
            $request.AllowAutoRedirect = $false
            $request.UserAgent = "$name-install"
            $request.Timeout = 30000
            $request.ReadWriteTimeout = 30000
            # The system's proxy is used, as the user who is signed in.
            if ($request.Proxy) { $request.Proxy.Credentials = [Net.CredentialCache]::DefaultCredentials }
            if ($uri.IsLoopback) { $request.Proxy = $null }
            try {
                $response = $request.GetResponse()
            } catch {
                Stop-With "cannot download ${uri}: $($_.Exception.Message)" "$page/releases   (lists the versions)"
            }
            try {
                if ([int]$response.StatusCode -ge 300) {
                    $uri = New-Object Uri($uri, $response.Headers['Location'])
                    if ($uri.Scheme -ne 'https') {
                        Stop-With "redirected to $uri, where anybody could change what comes" 'another network, or a folder in TODO_BOOTSTRAP_BASE_URL'
                    }
                    continue
                }
                Save-Stream $response.GetResponseStream() $File $response.ContentLength
                return
            } finally {
                $response.Close()
            }
        }
        Stop-With "more than 5 redirects for $Base/$Path" "$page/releases   (lists the versions)"
    }

    # At most 200 MB, and as many bytes as were announced.
    function Save-Stream([IO.Stream]$From, [string]$File, [long]$Length) {
        $to = [IO.File]::Create($File)
        try {
            $buffer = New-Object byte[] 65536
            $total = 0
            while (($read = $From.Read($buffer, 0, $buffer.Length)) -gt 0) {
                $total += $read
                if ($total -gt 200MB) { Stop-With 'the server sends more than 200 MB' 'try again later' }
                $to.Write($buffer, 0, $read)
            }
        } finally {
            $to.Dispose()
        }
        if ($Length -ge 0 -and $total -ne $Length) {
            Stop-With "the download ended after $total of $Length bytes" 'try again'
        }
    }

    # The one line of SHA256SUMS for the target.
    function Find-Archive([string]$Sums, [string]$Target, [string]$Version) {
        $wanted = '[0-9][0-9A-Za-z.+-]*'
        if ($Version) { $wanted = [Regex]::Escape($Version) }
        $pattern = "^([0-9a-f]{64}) [ *]($name-($wanted)-$([Regex]::Escape($Target))\.tar\.gz)$"
        $found = @(Get-Content -LiteralPath $Sums | Where-Object { $_ -cmatch $pattern })
        if ($found.Count -ne 1) {
            Stop-With "SHA256SUMS has $($found.Count) lines for $Target, where one was expected" "$page/releases   (lists the versions); or WSL 2: wsl --install"
        }
        $null = $found[0] -cmatch $pattern
        return @{ Sha256 = $Matches[1]; File = $Matches[2]; Version = $Matches[3] }
    }

    function Get-Digest([string]$File) {
        return (Get-FileHash -LiteralPath $File -Algorithm SHA256).Hash.ToLowerInvariant()
    }

    # The version of an installed program, or nothing.
    function Get-Installed([string]$Program) {
        if (-not (Test-Path -LiteralPath $Program -PathType Leaf)) { return $null }
        try {
            $told = "$(& $Program --version)"
        } catch {
            return $null
        }
        if ($told -cmatch "^$name ([0-9]+\.[0-9]+\.[0-9]+)") { return $Matches[1] }
        return $null
    }

    function Remove-Program([string]$Program, [string]$Note) {
        if (-not (Test-Path -LiteralPath $Program)) {
            Write-Host "$Program is not there; nothing to remove"
            return
        }
        $ours = (Test-Path -LiteralPath $Note) -and
            "$(Get-Content -LiteralPath $Note -TotalCount 1)" -eq (Get-Digest $Program)
        if (-not $ours) {
            Stop-With "$Program is not the file that this script installed, and stays" "Remove-Item '$Program'"
        }
        Remove-Item -LiteralPath $Program, $Note -Force
        Write-Host "removed $Program"
    }

    # Verified, tried, and only then put in the place of an older one.
    function Add-Program([string]$Base, [string]$Work, [string]$Program, [string]$Note) {
        $target = Get-Target
        $from = 'latest/download'
        if ($Version) { $from = "download/v$Version" }
        $sums = Join-Path $Work 'SHA256SUMS'
        Get-File $Base "$from/SHA256SUMS" $sums
        $archive = Find-Archive $sums $target $Version
        if ($Sha256 -and $Sha256 -ne $archive.Sha256) {
            Stop-With "SHA256SUMS says $($archive.Sha256) for $($archive.File), -Sha256 says $Sha256" "$page/releases   (look which of them is right)"
        }
        $old = Get-Installed $Program
        $numbers = $archive.Version -replace '[-+].*$', ''
        if ($old -and -not $Version -and [Version]$numbers -lt [Version]$old) {
            Stop-With "the latest release is said to be $($archive.Version), but $old is installed" "-Version $($archive.Version)   (if the older one is wanted)"
        }
        if ($old) { Write-Host "$($archive.Version) takes the place of $old" }

        $path = "download/v$($archive.Version)/$($archive.File)"
        $packed = Join-Path $Work 'archive.tar.gz'
        Write-Host "downloading $Base/$path"
        Get-File $Base $path $packed
        $got = Get-Digest $packed
        if ($got -ne $archive.Sha256) {
            Stop-With "$($archive.File) is not what was published; nothing was installed`n  expected $($archive.Sha256)`n  got      $got" 'again; if it stays so, something on the way changes files: see docs/SECURITY.md'
        }
        # Windows' own tar (10 version 1803, Server 2019); another one of that name may be on PATH.
        $tar = Join-Path $env:SystemRoot 'System32\tar.exe'
        if (-not (Test-Path -LiteralPath $tar)) {
            Stop-With 'this Windows has no tar.exe; Windows 10 of 2018 or newer does' 'wsl --install'
        }
        $folder = "$name-$($archive.Version)-$target"
        & $tar -xzf $packed -C $Work "$folder/$name.exe"
        $failed = $LASTEXITCODE -ne 0
        $new = Join-Path (Join-Path $Work $folder) "$name.exe"
        $item = Get-Item -LiteralPath $new -Force -ErrorAction SilentlyContinue
        if ($failed -or $item -isnot [IO.FileInfo] -or ($item.Attributes -band [IO.FileAttributes]::ReparsePoint)) {
            Stop-With "$($archive.File) holds no regular file $folder/$name.exe; nothing was installed" "$page/issues   (tell us)"
        }
        if ((Get-Installed $new) -ne $numbers) {
            Stop-With "the program does not start here, or is not version $($archive.Version); nothing was installed" 'wsl --install   (and install.sh in it)'
        }
        $digest = Get-Digest $new
        # In one folder, so on one volume: there is the old program or the new one, never half of one.
        Move-Item -LiteralPath $new -Destination $Program -Force
        Set-Content -LiteralPath $Note -Value $digest -Encoding Ascii
        Write-Host "installed $Program"
    }

    if (-not $Dir) { $Dir = Join-Path $env:LOCALAPPDATA "Programs\$name" }
    # .NET has a current folder of its own.
    $Dir = $ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($Dir)
    $Version = $Version -replace '^v', ''
    $Sha256 = $Sha256.ToLowerInvariant()
    $program = Join-Path $Dir "$name.exe"
    $note = Join-Path $Dir ".$name.sha256"
    if ($Uninstall) {
        Remove-Program $program $note
        return
    }
    if ($Version -and $Version -cnotmatch '^[0-9]+\.[0-9][0-9A-Za-z.+-]*$') {
        Stop-With "this is no version: $Version" '-Version 0.1.0'
    }
    if ($Sha256 -and $Sha256 -cnotmatch '^[0-9a-f]{64}$') {
        Stop-With '-Sha256 needs 64 hexadecimal digits' 'Get-FileHash ARCHIVE'
    }
    $base = Get-Base
    $null = New-Item -ItemType Directory -Force -Path $Dir
    $work = Join-Path $Dir ".$name.new.$PID"
    # A killed run may have left one.
    if (Test-Path -LiteralPath $work) { Remove-Item -LiteralPath $work -Recurse -Force }
    $null = New-Item -ItemType Directory -Path $work
    $before = [Net.ServicePointManager]::SecurityProtocol
    try {
        # Windows PowerShell may offer TLS 1.0 as well, and nothing newer.
        [Net.ServicePointManager]::SecurityProtocol = [Net.SecurityProtocolType]::Tls12
        Add-Program $base $work $program $note
    } finally {
        [Net.ServicePointManager]::SecurityProtocol = $before
        Remove-Item -LiteralPath $work -Recurse -Force -ErrorAction SilentlyContinue
    }
    if (($env:Path -split ';') -notcontains $Dir) {
        Write-Host "$Dir is not on PATH; to add it for yourself:"
        Write-Host "  [Environment]::SetEnvironmentVariable('Path', [Environment]::GetEnvironmentVariable('Path', 'User') + ';$Dir', 'User')"
    }
    Write-Host "next: $name doctor   (it names what is missing: a container engine, first of all)"
}

# The last line, so that half a script does nothing.
& { Install-TodoBootstrap -Version $Version -Sha256 $Sha256 -Dir $Dir -Uninstall $Uninstall.IsPresent }
