# The rules of the module in NGINX's makefile; see config.

ngx_sts_source=`cd "$ngx_addon_dir" && pwd`
ngx_sts_file=ngx_http_sts_module$ngx_modext

# NGINX makes the path whole later than here (auto/install).
case ".$NGX_MODULES_PATH" in
    ./*) ngx_sts_modules=$NGX_MODULES_PATH ;;
    *)   ngx_sts_modules=$NGX_PREFIX/$NGX_MODULES_PATH ;;
esac

cat << END                                                    >> $NGX_MAKEFILE

modules:	$NGX_OBJS/$ngx_sts_file

# Whether it is up to date is for cargo to say.
.PHONY:	$NGX_OBJS/$ngx_sts_file

$NGX_OBJS/$ngx_sts_file:
	NGINX_SOURCE_DIR='`pwd`' NGINX_BUILD_DIR='\$(abspath $NGX_OBJS)' \\
		'$ngx_sts_source/scripts/module.sh' '\$(abspath $NGX_OBJS)/$ngx_sts_file'

install:	install_$ngx_addon_name

install_$ngx_addon_name:	$NGX_OBJS/$ngx_sts_file
	mkdir -p '\$(DESTDIR)$ngx_sts_modules'
	install -m 644 $NGX_OBJS/$ngx_sts_file '\$(DESTDIR)$ngx_sts_modules/'
END
